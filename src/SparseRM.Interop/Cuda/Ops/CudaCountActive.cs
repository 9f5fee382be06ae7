using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.CountActive"/>: kernels/ops/count_active.cu, over what an SAE finds active. Waits for nothing.</summary>
internal sealed class CudaCountActive(CudaBackend backend) : ICudaSaeSink
{
    private const string Op = "count_active";
    private int[] _times = [];
    private CudaRows _counts;
    private int _first, _rows;

    /// <summary>This, counting rows in <paramref name="counts"/> from now on; row i counts as often as entries 2i and 2i + 1 say.</summary>
    public CudaCountActive To(ReadOnlySpan<int> times, CudaRows counts)
    {
        if (_times.Length < times.Length) _times = new int[times.Length];
        times.CopyTo(_times);
        _counts = counts;
        return this;
    }

    public void Begin(int first, int rows) => (_first, _rows) = (first, rows);

    public void TakeParts(nint pool, nint parts, int panels, nint scratch) =>
        backend.Launch(Op, backend.Pick(OpKind.CountActive), "parts", new Grid(_rows), 0, pool, parts, panels, Times(), _counts.Pointer, _counts.RowStride);

    public void TakeLists(nint lengths, nint latents, nint activations, int capacity) =>
        backend.Launch(Op, backend.Pick(OpKind.CountActive), "lists", new Grid(_rows), 0, lengths, latents, capacity, Times(), _counts.Pointer, _counts.RowStride);

    public void End() { }

    private nint Times() => backend.Indices.BringAlone(_times.AsSpan(2 * _first, 2 * _rows));

    public static readonly CudaVariant[] Variants = [new("row_per_block", "count_active", 256)];
}
