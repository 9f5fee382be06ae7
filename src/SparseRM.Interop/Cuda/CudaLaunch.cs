namespace SparseRM.Interop.Cuda;

/// <summary>A launch as words that can be kept and compared: how many, function, grid, threads and shared memory, then the arguments.</summary>
internal readonly ref struct CudaLaunch(nint function, Grid grid, int threads, int shared, ReadOnlySpan<KernelArgument> arguments)
{
    /// <summary>Words before the arguments, and of all together at most.</summary>
    public const int Head = 4, MostWords = Head + 28;

    private readonly ReadOnlySpan<KernelArgument> _arguments = arguments;

    /// <summary>Writes the words and gives their number.</summary>
    /// <exception cref="ArgumentException">There is no room for so many arguments.</exception>
    public int Write(Span<ulong> words)
    {
        int count = Head + _arguments.Length;
        if (count > words.Length) throw new ArgumentException($"a launch with {_arguments.Length} arguments, at most {MostWords - Head} are taken");
        (words[0], words[1]) = ((ulong)count, (ulong)function);
        (words[2], words[3]) = (Both(grid.X, grid.Y), Both(threads, shared));
        for (int i = 0; i < _arguments.Length; i++) words[Head + i] = _arguments[i].Bits;
        return count;
    }

    private static ulong Both(int low, int high) => (uint)low | ((ulong)(uint)high << 32);
}
