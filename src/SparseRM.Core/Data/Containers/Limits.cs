namespace SparseRM.Data.Containers;

/// <summary>Bounds that keep a hostile file from filling the memory.</summary>
internal static class Limits
{
    /// <summary>Longest line of a jsonl file, and longest row of a csv or parquet file.</summary>
    public const int LineBytes = 64 << 20;

    /// <summary>Largest unpacked JSON document, and largest input that has to be held whole (a packed pipe).</summary>
    public const int WholeFileBytes = 1 << 30;

    /// <summary>Most values of one JSON document, by its commas and brackets.</summary>
    public const int Values = 64 << 20;

    /// <summary>Text packs 3 to 20 times; what unpacks to more than this is made to fill a memory.</summary>
    public const int Ratio = 100;

    /// <summary>Most (chosen, rejected) pairs of one item.</summary>
    public const int Pairs = 1_000_000;

    /// <summary>Most bytes that a packed file of <paramref name="packed"/> bytes may unpack to; small files may unpack freely.</summary>
    public static long UnpackedBytes(long packed) => Math.Max(LineBytes, packed > long.MaxValue / Ratio ? long.MaxValue : packed * Ratio);
}
