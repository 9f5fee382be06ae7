namespace SparseRM.Models;

/// <summary>What becomes of the states of several positions.</summary>
public enum Pooling
{
    /// <summary>One state a position.</summary>
    None,
    /// <summary>One state: their mean, summed in F32 or wider in the order of the positions.</summary>
    Mean,
}

/// <summary>Which states of a sequence are wanted: those of the positions [Start, End), one by one or pooled.</summary>
/// <param name="Start">First position, 0-based.</param>
/// <param name="End">One past the last; at least one position.</param>
/// <param name="Pooling">How several become one.</param>
public readonly record struct ReadOut(int Start, int End, Pooling Pooling = Pooling.None)
{
    /// <summary>The state of one position.</summary>
    public static ReadOut At(int position) => new(position, position + 1);

    /// <summary>The mean over the positions [start, end).</summary>
    public static ReadOut Mean(int start, int end) => new(start, end, Pooling.Mean);

    /// <summary>The state of each position of [start, end).</summary>
    public static ReadOut Each(int start, int end) => new(start, end);

    /// <summary>Positions that are read.</summary>
    public int Positions => End - Start;

    /// <summary>States that come of them: one if they are pooled, else one a position.</summary>
    public int States => Pooling == Pooling.Mean ? 1 : Positions;
}
