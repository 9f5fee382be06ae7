using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary>The active latents of a tile's rows on their way to the host: one list a row for each chunk of latents, chunks in order.</summary>
/// <remarks>
/// Waits once for each chunk: where the lists begin comes with as many entries as there may well be. Where there are more, they are asked for and
/// waited for again.
/// </remarks>
internal sealed class CudaSaeLists(CudaBackend backend) : ICudaSaeSink
{
    private const string Op = "sae_encode";

    /// <summary>Entries of a row that are expected before any was seen.</summary>
    private const int FirstGuess = 64;

    // A chunk after the other: where each row's entries begin and where they end; then the entries, a latent and the bits of its activation each.
    private int[] _words = [];
    private readonly List<int> _chunks = [];
    private int _rows, _end, _row, _perRow = FirstGuess;
    private SparseLatents _target = new();
    private SparseLatents.Filler? _fillRow;

    /// <summary>This, adding rows to <paramref name="latents"/> from now on.</summary>
    public CudaSaeLists To(SparseLatents latents)
    {
        _target = latents;
        return this;
    }

    public void Begin(int first, int rows)
    {
        (_rows, _end) = (rows, 0);
        _chunks.Clear();
    }

    public void TakeParts(nint pool, nint parts, int panels, nint scratch)
    {
        backend.Launch(Op, CudaSaeEncode.PartKernels, "count", new Grid(_rows), 0, parts, panels, scratch);
        Bring(scratch, (starts, room, entries) =>
            backend.Launch(Op, CudaSaeEncode.PartKernels, "gather", new Grid(_rows), 0, pool, parts, panels, starts, room, entries));
    }

    public void TakeLists(nint lengths, nint latents, nint activations, int capacity) => Bring(lengths, (starts, room, entries) =>
        backend.Launch(Op, CudaSaeEncode.Variants[0], "concatenate", new Grid(_rows), 0, starts, latents, activations, capacity, room, entries));

    /// <summary>Adds the tile's rows.</summary>
    public void End()
    {
        _fillRow ??= FillRow;
        for (_row = 0; _row < _rows; _row++)
        {
            int count = 0;
            for (int chunk = 0; chunk < _chunks.Count; chunk++) count += Part(chunk).Length / 2;
            _target.AddRow(count, _fillRow);
        }
    }

    /// <summary>Words before a chunk's entries: starts, and what aligns the entries to eight bytes.</summary>
    private int Head => (_rows + 2) / 2 * 2;

    /// <summary>Brings the lists of a chunk; <paramref name="gather"/> queues what writes as many entries as there is room for.</summary>
    private void Bring(nint counts, Action<nint, int, nint> gather)
    {
        int room = checked(_rows * (_perRow + _perRow / 4)), total = Bring(counts, room, gather);
        if (total > room) Bring(counts, total, gather);
        _perRow = Math.Max(FirstGuess, (total + _rows - 1) / _rows);
        _chunks.Add(_end);
        _end += checked(Head + 2 * total);
    }

    private int Bring(nint counts, int room, Action<nint, int, nint> gather)
    {
        long wanted = Head + 2L * room;
        using var packed = backend.Arena.Allocate(wanted * sizeof(int));
        int words = checked((int)wanted);
        if (_words.Length < _end + words) Array.Resize(ref _words, Math.Max(_end + words, 2 * _words.Length));
        backend.Launch(Op, CudaSaeEncode.StartKernel, "starts", new Grid(1), 0, counts, _rows, packed.Pointer);
        gather(packed.Pointer, room, packed.Pointer + Head * sizeof(int));
        backend.Download(packed.Pointer, _words.AsSpan(_end, words));
        return _words[_end + _rows];
    }

    private int FillRow(Span<int> indices, Span<float> values)
    {
        int filled = 0;
        for (int chunk = 0; chunk < _chunks.Count; chunk++)
        {
            var part = Part(chunk);
            for (int i = 0; i < part.Length; i += 2, filled++)
                (indices[filled], values[filled]) = (part[i], BitConverter.Int32BitsToSingle(part[i + 1]));
        }
        return filled;
    }

    /// <summary>The row's entries of a chunk.</summary>
    private ReadOnlySpan<int> Part(int chunk)
    {
        int at = _chunks[chunk], start = _words[at + _row], end = _words[at + _row + 1];
        return _words.AsSpan(at + Head + 2 * start, 2 * (end - start));
    }
}
