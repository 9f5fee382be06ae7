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

    /// <summary>The matrix, marked as taken; unlike <see cref="Take"/>, sources that can hold a matrix in either order give it as it lies.</summary>
    /// <exception cref="Errors.ModelFormatException">As <see cref="Take"/>.</exception>
    WeightMatrix TakeMatrix(string name) => new(Take(name), IsTransposed: false);

    /// <summary>Names not taken so far.</summary>
    IEnumerable<string> Untaken { get; }
}
