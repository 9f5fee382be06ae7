namespace SparseRM.Data.Containers;

/// <summary>Bounds that keep a hostile file from filling the memory.</summary>
internal static class Limits
{
    /// <summary>Longest line of a jsonl file, and longest row of a csv file in characters.</summary>
    public const int LineBytes = 64 << 20;

    /// <summary>Largest unpacked JSON document, and largest input from a pipe.</summary>
    public const int WholeFileBytes = 1 << 30;
}
