using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Research.SaeTraining;

/// <summary>Finds a value by its rank.</summary>
internal static class Selection
{
    /// <summary>The k-th greatest of the values, which are put into another order.</summary>
    /// <param name="values">None is NaN.</param>
    /// <param name="k">1 is the greatest.</param>
    public static float KthGreatest(Span<float> values, int k)
    {
        int low = 0, high = values.Length - 1, wanted = k - 1;
        while (low < high)
        {
            float pivot = Median(values[low], values[low + ((high - low) / 2)], values[high]);
            int i = low, j = high;
            while (i <= j)
            {
                while (values[i] > pivot) i++;
                while (values[j] < pivot) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }
            if (wanted <= j) high = j;
            else if (wanted >= i) low = i;
            else return values[wanted];
        }
        return values[wanted];
    }

    /// <summary>A bound that at least k of the values reach, and few more: of some hundred groups' greatest values the k-th; 0 where fewer are positive.</summary>
    /// <param name="values">A multiple of 16 of them, none NaN.</param>
    /// <param name="k">At most as many as there are values.</param>
    /// <param name="work">Room.</param>
    public static float BoundOfGreatest(ReadOnlySpan<float> values, int k, ref float[] work)
    {
        int groups = Math.Min(values.Length, RowMath.Pad(Math.Max(128, 5 * k)));
        if (work.Length < groups) work = new float[groups];
        values[..groups].CopyTo(work);
        ref float greatest = ref work[0], from = ref MemoryMarshal.GetReference(values);
        for (int start = groups; start < values.Length; start += groups)
            for (int i = 0; i < Math.Min(groups, values.Length - start); i += 16)
                Vector512.Max(Vector512.LoadUnsafe(ref greatest, (nuint)i), Vector512.LoadUnsafe(ref from, (nuint)(start + i))).StoreUnsafe(ref greatest, (nuint)i);
        return CutOfGreatest(work.AsSpan(0, groups), k);
    }

    /// <summary>The greatest value that at least k of the values reach, or one between the k-th and the next; 0 where fewer are positive.</summary>
    /// <remarks>Halves the range of floats, whose bits rise with positive values, and counts: no branch depends on a value.</remarks>
    /// <param name="values">A multiple of 16 of them, none NaN.</param>
    /// <param name="k">At least 1.</param>
    public static float CutOfGreatest(ReadOnlySpan<float> values, int k)
    {
        const int Infinity = 0x7F800000;
        var (low, high) = (0, Infinity);
        while (high - low > 1)
        {
            int middle = low + ((high - low) / 2), count = CountFrom(values, BitConverter.Int32BitsToSingle(middle));
            if (count == k) return BitConverter.Int32BitsToSingle(middle);
            if (count > k) low = middle;
            else high = middle;
        }
        return BitConverter.Int32BitsToSingle(low);
    }

    private static int CountFrom(ReadOnlySpan<float> values, float bound)
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        var bounds = Vector512.Create(bound);
        int count = 0;
        for (int i = 0; i < values.Length; i += 16)
            count += BitOperations.PopCount(Vector512.GreaterThanOrEqual(Vector512.LoadUnsafe(ref from, (nuint)i), bounds).ExtractMostSignificantBits());
        return count;
    }

    private static float Median(float a, float b, float c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
