namespace SparseRM.Lines;

/// <summary>Where results go, line by line in the order of the input.</summary>
internal interface IScoreSink
{
    /// <summary>Takes a line with its results.</summary>
    /// <param name="line">The line.</param>
    /// <param name="results">One for each answer; null where it has none.</param>
    /// <param name="error">Why not all answers have a score; null where all have.</param>
    /// <param name="text">The line as jsonl has it, with its results and the line feed; good until the call returns.</param>
    void Add(ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text);

    /// <summary>Says that no line follows until the next pass: what was taken may be written.</summary>
    void EndWindow();
}
