namespace SparseRM.Errors;

/// <summary>The operands of an op do not fit together.</summary>
public sealed class ShapeMismatchException : SparseRMException
{
    /// <summary>The sentence is <c>{op}: {problem}</c>, with both shapes in <paramref name="problem"/>.</summary>
    public ShapeMismatchException(string op, string problem) : base($"{op}: {problem}") => Op = op;

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Usage;

    /// <summary>The op at whose entry the mismatch was seen.</summary>
    public string Op { get; }
}
