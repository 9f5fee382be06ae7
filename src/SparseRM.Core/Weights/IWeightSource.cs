namespace SparseRM.Weights;

/// <summary>Named tensors of one file or folder (safetensors, npz, torch zip), taken one by one so that nothing is left unread unnoticed.</summary>
public interface IWeightSource
{
    /// <summary>The file or folder, for messages.</summary>
    string Path { get; }

    /// <summary>Every tensor that the source lists, taken or not.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>The tensor, marked as taken, whatever its shape.</summary>
    /// <exception cref="Errors.ModelFormatException">No such tensor, or its file is missing or broken.</exception>
    WeightSlice Take(string name);

    /// <summary>Names not taken so far.</summary>
    IEnumerable<string> Untaken { get; }
}
