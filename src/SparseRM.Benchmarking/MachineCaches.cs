namespace SparseRM.Benchmarking;

/// <summary>The processor's caches, which a call finds as the one before left them.</summary>
internal static class MachineCaches
{
    // Beyond what the third caches of common machines hold; of one that holds more, a part stays.
    private const int Bytes = 256 << 20, Line = 64;
    private static readonly Lazy<byte[]> s_other = new(() => GC.AllocateUninitializedArray<byte>(Bytes));

    /// <summary>Fills them with something else, from as many threads as there are cores.</summary>
    public static void Flush()
    {
        byte[] other = s_other.Value;
        int share = Bytes / Environment.ProcessorCount;
        Parallel.For(0, Environment.ProcessorCount, part =>
        {
            for (int i = part * share; i < (part + 1) * share; i += Line) other[i]++;
        });
    }
}
