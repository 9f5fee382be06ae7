using System.Runtime.InteropServices;
using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary>The active latents of a tile's rows on their way to the host: one list a row for each chunk of latents, chunks in order.</summary>
/// <remarks>Waits twice for each chunk: for how much is to be brought, and for that.</remarks>
internal sealed class CudaSaeLists(CudaBackend backend) : ICudaSaeSink
{
    private const string Op = "sae_encode";
    private int[] _counts = [], _starts = [], _latents = [], _brought = [];
    private float[] _activations = [];
    private int _rows, _chunks, _end, _row;
    private SparseLatents _target = new();
    private SparseLatents.Filler? _fillRow;

    /// <summary>This, adding rows to <paramref name="latents"/> from now on.</summary>
    public CudaSaeLists To(SparseLatents latents)
    {
        _target = latents;
        return this;
    }

    public void Begin(int first, int rows) => (_rows, _chunks, _end) = (rows, 0, 0);

    public void TakeParts(nint pool, nint parts, int panels, nint scratch)
    {
        backend.Launch(Op, CudaSaeEncode.PartKernels, "count", new Grid(_rows), 0, parts, panels, scratch);
        nint begins = Starts(scratch, out int total);
        Bring(total, (ids, values) =>
            backend.Launch(Op, CudaSaeEncode.PartKernels, "gather", new Grid(_rows), 0, pool, parts, panels, begins, ids, values));
    }

    public void TakeLists(nint lengths, nint latents, nint activations, int capacity)
    {
        nint begins = Starts(lengths, out int total);
        Bring(total, (ids, values) =>
            backend.Launch(Op, CudaSaeEncode.Variants[0], "concatenate", new Grid(_rows), 0, begins, latents, activations, capacity, ids, values));
    }

    /// <summary>Adds the tile's rows.</summary>
    public void End()
    {
        _fillRow ??= FillRow;
        for (_row = 0; _row < _rows; _row++)
        {
            int count = 0;
            for (int chunk = 0; chunk < _chunks; chunk++) count += Part(chunk).Count;
            _target.AddRow(count, _fillRow);
        }
    }

    /// <summary>Waits for the rows' counts of the next chunk: where the device finds where each row's list begins, and how many entries there are.</summary>
    private nint Starts(nint counts, out int total)
    {
        int from = _chunks++ * (_rows + 1);
        Array.Resize(ref _counts, Math.Max(_counts.Length, _rows));
        Array.Resize(ref _starts, Math.Max(_starts.Length, from + _rows + 1));
        backend.Download(counts, _counts.AsSpan(0, _rows));
        var starts = _starts.AsSpan(from, _rows + 1);
        starts[0] = 0;
        for (int i = 0; i < _rows; i++) starts[i + 1] = checked(starts[i] + _counts[i]);
        total = starts[_rows];
        return backend.Indices.BringAlone(starts);
    }

    /// <summary>Brings the chunk's lists; <paramref name="gather"/> queues what writes them from its arguments on: ids and activations.</summary>
    private void Bring(int total, Action<nint, nint> gather)
    {
        if (total == 0) return;
        using var packed = backend.Arena.Allocate(2L * total * sizeof(int));
        nint activations = packed.Pointer + (nint)((long)total * sizeof(int));
        gather(packed.Pointer, activations);
        if (_latents.Length < _end + total)
        {
            int length = Math.Max(_end + total, 2 * _latents.Length);
            Array.Resize(ref _latents, length);
            Array.Resize(ref _activations, length);
        }
        if (_brought.Length < 2 * total) _brought = new int[Math.Max(2 * total, 2 * _brought.Length)];
        var brought = _brought.AsSpan(0, 2 * total);
        backend.Download(packed.Pointer, brought);
        brought[..total].CopyTo(_latents.AsSpan(_end));
        MemoryMarshal.Cast<int, float>(brought[total..]).CopyTo(_activations.AsSpan(_end));
        _end += total;
    }

    private int FillRow(Span<int> indices, Span<float> values)
    {
        int before = 0, filled = 0;
        for (int chunk = 0; chunk < _chunks; chunk++)
        {
            var (start, count, all) = Part(chunk);
            _latents.AsSpan(before + start, count).CopyTo(indices[filled..]);
            _activations.AsSpan(before + start, count).CopyTo(values[filled..]);
            before += all;
            filled += count;
        }
        return filled;
    }

    private (int Start, int Count, int All) Part(int chunk)
    {
        var starts = _starts.AsSpan(chunk * (_rows + 1), _rows + 1);
        return (starts[_row], starts[_row + 1] - starts[_row], starts[_rows]);
    }
}
