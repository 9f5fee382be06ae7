using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Research.SaeTraining;

/// <summary>The few latents that matter of each of some neighbouring rows: their pre-activations, and later the loss's slope in each of their activations.</summary>
/// <remarks>Latents rise in each row. Kept from step to step, so that a step allocates nothing.</remarks>
internal sealed class SparseTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 32;

    private readonly int[] _ends = new int[Rows];

    /// <summary>Latents, one row after the other.</summary>
    public int[] Latents { get; private set; } = [];

    /// <summary>Their pre-activations.</summary>
    public float[] Values { get; private set; } = [];

    /// <summary>The slopes.</summary>
    public float[] Slopes { get; private set; } = [];

    /// <summary>Entries of all rows.</summary>
    public int Count { get; private set; }

    /// <summary>Rows so far.</summary>
    public int RowCount { get; private set; }

    /// <summary>Where the entries of a row lie.</summary>
    public Range this[int row] => (row == 0 ? 0 : _ends[row - 1]).._ends[row];

    /// <summary>Forgets everything.</summary>
    public void Clear() => (Count, RowCount) = (0, 0);

    /// <summary>Ends a row.</summary>
    public void EndRow() => _ends[RowCount++] = Count;

    /// <summary>Adds one.</summary>
    public void Add(int latent, float value)
    {
        Reserve(1);
        (Latents[Count], Values[Count]) = (latent, value);
        Count++;
    }

    /// <summary>Adds the latents of a row that lie above a bound.</summary>
    /// <param name="p">Pre-activations; a multiple of 16 of them.</param>
    /// <param name="bound">One bound for all.</param>
    public void AddAbove(ReadOnlySpan<float> p, float bound)
    {
        Reserve(p.Length);
        ref float values = ref MemoryMarshal.GetReference(p);
        var bounds = Vector512.Create(bound);
        for (int i = 0; i < p.Length; i += 16)
            if (Vector512.GreaterThan(Vector512.LoadUnsafe(ref values, (nuint)i), bounds).ExtractMostSignificantBits() is not 0 and var mask) Put(p, i, mask);
    }

    /// <summary>Adds the latents of a row that lie above their own bounds.</summary>
    public void AddAbove(ReadOnlySpan<float> p, ReadOnlySpan<float> bounds)
    {
        Reserve(p.Length);
        ref float values = ref MemoryMarshal.GetReference(p), lows = ref MemoryMarshal.GetReference(bounds[..p.Length]);
        for (int i = 0; i < p.Length; i += 16)
        {
            var above = Vector512.GreaterThan(Vector512.LoadUnsafe(ref values, (nuint)i), Vector512.LoadUnsafe(ref lows, (nuint)i));
            if (above.ExtractMostSignificantBits() is not 0 and var mask) Put(p, i, mask);
        }
    }

    /// <summary>Takes back what was added to the row that has not ended.</summary>
    public void RestartRow() => Count = RowCount == 0 ? 0 : _ends[RowCount - 1];

    /// <summary>Entries of the row that has not ended.</summary>
    public int OpenCount => Count - (RowCount == 0 ? 0 : _ends[RowCount - 1]);

    /// <summary>Keeps the k greatest of the row that has not ended, of equal ones those of lower index; all are positive.</summary>
    /// <param name="k">At least 1.</param>
    /// <param name="work">Room for the row's values.</param>
    public void KeepGreatest(int k, ref float[] work)
    {
        int start = Count - OpenCount, count = OpenCount;
        if (count <= k) return;
        int padded = RowMath.Pad(count);
        if (work.Length < padded) work = new float[2 * padded];
        Values.AsSpan(start, count).CopyTo(work);
        work.AsSpan(count, padded - count).Fill(float.NegativeInfinity);
        float cut = Selection.CutOfGreatest(work.AsSpan(0, padded), k);
        int above = 0;
        for (int i = start; i < Count; i++)
            if (Values[i] > cut) above++;
        Keep(start, cut, k - above);
    }

    /// <summary>Keeps what is at least the cut, in every row.</summary>
    public void KeepFrom(float cut)
    {
        int to = 0, from = 0;
        for (int row = 0; row < RowCount; row++)
        {
            for (; from < _ends[row]; from++)
                if (Values[from] >= cut) (Latents[to], Values[to++]) = (Latents[from], Values[from]);
            _ends[row] = to;
        }
        Count = to;
    }

    /// <summary>Takes away the last entries that equal the cut, so many of them at most.</summary>
    /// <returns>How many are taken away.</returns>
    public int DropLastEqual(float cut, int most)
    {
        int dropped = 0;
        for (int i = Count - 1; i >= 0 && dropped < most; i--)
        {
            if (Values[i] != cut) continue;
            Latents.AsSpan(i + 1, Count - i - 1).CopyTo(Latents.AsSpan(i));
            Values.AsSpan(i + 1, Count - i - 1).CopyTo(Values.AsSpan(i));
            for (int row = 0; row < RowCount; row++)
                if (_ends[row] > i) _ends[row]--;
            Count--;
            dropped++;
        }
        return dropped;
    }

    private void Keep(int start, float cut, int equal)
    {
        int to = start;
        for (int i = start; i < Count; i++)
        {
            if (Values[i] < cut || (Values[i] == cut && equal-- <= 0)) continue;
            (Latents[to], Values[to++]) = (Latents[i], Values[i]);
        }
        Count = to;
    }

    private void Put(ReadOnlySpan<float> p, int first, ulong mask)
    {
        var (latents, values) = (Latents, Values);
        int count = Count;
        for (; mask != 0; mask &= mask - 1)
        {
            int latent = first + BitOperations.TrailingZeroCount(mask);
            (latents[count], values[count++]) = (latent, p[latent]);
        }
        Count = count;
    }

    private void Reserve(int more)
    {
        if (Count + more <= Latents.Length) return;
        int length = Math.Max(Count + more, 2 * Latents.Length);
        (int[] latents, float[] values) = (Latents, Values);
        Array.Resize(ref latents, length);
        Array.Resize(ref values, length);
        (Latents, Values, Slopes) = (latents, values, new float[length]);
    }
}
