using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Algorithms.ScanReduceOperations;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The exact k-th largest of each row, ties to the lower latent: two ways.</summary>
internal static class SaeTopK
{
    /// <summary>Largest k of <see cref="BitonicMerge"/>: two arrays of keys lie in shared memory.</summary>
    public const int MaxMerged = 1024;

    private const int DigitBits = 8, Digits = 1 << DigitBits;

    /// <summary>A way to select and the largest k (from 1 on) that it serves; others are selected by <see cref="RadixSelect"/>.</summary>
    internal sealed record Kernels(Action<Arguments> Select, int MaxK);

    /// <summary>What both kernels take.</summary>
    internal readonly struct Arguments(Rows<float> pre, ArrayView<ulong> kth, int count, int width, int k)
    {
        public readonly Rows<float> Pre = pre;

        /// <summary>[count]: receives the smallest key that is active, or 0 where fewer than k are above zero.</summary>
        public readonly ArrayView<ulong> Kth = kth;
        public readonly int Count = count, Width = width, K = k;
    }

    /// <summary>
    /// Orders latents as TopK does: by value, of equals the lower first. The bits of positive floats rise with them; what is not above zero
    /// (or is NaN) is never active and has key 0.
    /// </summary>
    public static ulong Key(float value, int latent) =>
        FloatBits.IsPositive(value) ? ((ulong)Interop.FloatAsInt(value) << 32) | (uint.MaxValue - (uint)latent) : 0;

    /// <summary>
    /// A group selects in one row, from the highest digit of the key down: a histogram of those that agree so far, and the bucket in which the
    /// k-th lies, found by a scan. It ends when all of a bucket are taken, after three or four of the eight digits unless values are equal.
    /// </summary>
    public static void RadixSelect(Arguments a)
    {
        var histogram = SharedMemory.Allocate<int>(Digits);
        var found = SharedMemory.Allocate<int>(2);
        for (int row = Grid.IdxX; row < a.Count; row += Grid.DimX)
        {
            ulong prefix = 0;
            int wanted = a.K, shift = 64, inBucket = int.MaxValue;
            while (shift > 0 && inBucket > wanted)
            {
                shift -= DigitBits;
                for (int i = Group.IdxX; i < Digits; i += Group.DimX) histogram[i] = 0;
                Group.Barrier();
                for (int latent = Group.IdxX; latent < a.Width; latent += Group.DimX)
                {
                    ulong key = Key(a.Pre[row, latent], latent);
                    // In two steps: a shift by 64 is one by 0.
                    if (key != 0 && key >> shift >> DigitBits == prefix) Atomic.Add(ref histogram[(int)(key >> shift) & (Digits - 1)], 1);
                }
                Group.Barrier();
                Find(histogram, wanted, found);
                wanted -= found[1];
                inBucket = histogram[found[0]];
                prefix = (prefix << DigitBits) | (uint)found[0];
                Group.Barrier();
            }
            if (Group.IdxX == 0) a.Kth[row] = prefix << shift;
        }
    }

    /// <summary>
    /// found[0] = the highest digit down to which there are as many keys as wanted, or 0; found[1] = how many lie above it. Each lane looks
    /// through a run of digits, the first through the highest.
    /// </summary>
    private static void Find(ArrayView<int> histogram, int wanted, ArrayView<int> found)
    {
        int run = Digits / Group.DimX, digit = Digits - 1 - Group.IdxX * run, last = digit - run + 1, own = 0;
        for (int i = digit; i >= last; i--) own += histogram[i];
        int above = GroupExtensions.ExclusiveScan<int, AddInt32>(own);
        // The first has it too where none are wanted, the last where there are too few.
        if ((above < wanted || Group.IdxX == 0) && (above + own >= wanted || last == 0))
        {
            for (; digit > last && above + histogram[digit] < wanted; digit--) above += histogram[digit];
            (found[0], found[1]) = (digit, above);
        }
        Group.Barrier();
    }

    /// <summary>
    /// A group keeps the best of one row in shared memory, falling, as many as the power of two from k on. As many latents again are sorted
    /// bitonically and merged into them; a chunk with none that is better than the last is passed over.
    /// </summary>
    public static void BitonicMerge(Arguments a)
    {
        var best = SharedMemory.Allocate<ulong>(MaxMerged);
        var next = SharedMemory.Allocate<ulong>(MaxMerged);
        var isBetter = SharedMemory.Allocate<int>(1);
        int size = 1;
        while (size < a.K) size *= 2;
        for (int row = Grid.IdxX; row < a.Count; row += Grid.DimX)
        {
            for (int i = Group.IdxX; i < size; i += Group.DimX) best[i] = 0;
            for (int start = 0; start < a.Width; start += size)
            {
                if (Group.IdxX == 0) isBetter[0] = 0;
                Group.Barrier();
                for (int i = Group.IdxX; i < size; i += Group.DimX)
                {
                    next[i] = start + i < a.Width ? Key(a.Pre[row, start + i], start + i) : 0;
                    if (next[i] > best[size - 1]) isBetter[0] = 1;
                }
                Group.Barrier();
                bool merges = isBetter[0] != 0;
                if (merges)
                {
                    for (int length = 2; length <= size; length *= 2)
                        for (int step = length / 2; step > 0; step /= 2) Exchange(next, size, step, length);
                    for (int i = Group.IdxX; i < size; i += Group.DimX)
                        if (next[size - 1 - i] > best[i]) best[i] = next[size - 1 - i];
                    Group.Barrier();
                    for (int step = size / 2; step > 0; step /= 2) Exchange(best, size, step, 2 * size);
                }
                Group.Barrier();
            }
            if (Group.IdxX == 0) a.Kth[row] = best[a.K - 1];
            Group.Barrier();
        }
    }

    /// <summary>One step of a bitonic network: runs of <paramref name="length"/> fall and rise in turn.</summary>
    private static void Exchange(ArrayView<ulong> keys, int size, int step, int length)
    {
        for (int i = Group.IdxX; i < size; i += Group.DimX)
        {
            int other = i ^ step;
            if (other > i && keys[i] < keys[other] == ((i & length) == 0)) (keys[i], keys[other]) = (keys[other], keys[i]);
        }
        Group.Barrier();
    }
}
