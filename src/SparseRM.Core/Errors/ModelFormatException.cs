namespace SparseRM.Errors;

/// <summary>A model, SAE, tokenizer or reward file says something that this engine cannot represent faithfully.</summary>
public sealed class ModelFormatException : SparseRMException
{
    /// <summary>The sentence begins with the path: <c>{path}: {problem}</c>.</summary>
    public ModelFormatException(string path, string problem) : base($"{path}: {problem}") => Path = path;

    /// <summary>As above, with the cause.</summary>
    public ModelFormatException(string path, string problem, Exception inner) : base($"{path}: {problem}", inner) => Path = path;

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Model;

    /// <summary>The file or folder at fault.</summary>
    public string Path { get; }
}
