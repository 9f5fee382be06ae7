namespace SparseRM.Interop.Cuda;

/// <summary>Describes bf16 rows to the copy engine of compute capability 9.0 (TMA), as kernels/include/srm_cuda/wgmma_product.cuh reads them.</summary>
internal static unsafe class CudaTensorMap
{
    /// <summary>Bytes of a CUtensorMap, and of its alignment.</summary>
    public const int Bytes = 128, Alignment = 64;

    private const int Bf16 = 9, NoInterleave = 0, Swizzle128Bytes = 3, Promote256Bytes = 3, ZerosOutside = 0, Rank = 2;

    /// <summary>Elements of a row in a box: the 128 bytes that the swizzle goes over.</summary>
    private const int BoxColumns = 64;

    /// <summary>Where the device finds the description; <see cref="CudaIndices.Reserve"/> was called for it.</summary>
    /// <param name="backend">Whose rows.</param>
    /// <param name="rows">The first element, aligned to 16 bytes.</param>
    /// <param name="count">Rows; a box that goes beyond them is filled with zeros.</param>
    /// <param name="columns">Elements of a row, likewise.</param>
    /// <param name="rowStride">Elements from row to row, a multiple of 8.</param>
    /// <param name="boxRows">Rows of a box.</param>
    public static nint Bring(CudaBackend backend, nint rows, int count, int columns, int rowStride, int boxRows)
    {
        byte* room = stackalloc byte[Bytes + Alignment];
        byte* map = (byte*)(((nint)room + Alignment - 1) / Alignment * Alignment);
        ulong* sizes = stackalloc ulong[Rank] { (ulong)columns, (ulong)count };
        ulong* strides = stackalloc ulong[Rank - 1] { (ulong)rowStride * sizeof(ushort) };
        uint* box = stackalloc uint[Rank] { BoxColumns, (uint)boxRows };
        uint* steps = stackalloc uint[Rank] { 1, 1 };
        var device = backend.Device;
        device.Check(device.Driver.EncodeTensorMap(
            map, Bf16, Rank, rows, sizes, strides, box, steps, NoInterleave, Swizzle128Bytes, Promote256Bytes, ZerosOutside), "cuTensorMapEncodeTiled");
        return backend.Indices.Bring(new ReadOnlySpan<byte>(map, Bytes));
    }
}
