using ILGPU;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Puts rows of a file that holds [inputs, outputs] into a matrix [outputs, inputs], while weights are loaded.</summary>
internal sealed class Transpose(IlgpuDevice device) : IDisposable
{
    private readonly Scratch<byte> _rows = new(device);

    /// <summary>What the kernel takes.</summary>
    internal readonly struct Arguments<T>(Rows<T> x, Rows<T> y, int count, int columns, int firstRow) where T : unmanaged
    {
        public readonly Rows<T> X = x, Y = y;
        public readonly int Count = count, Columns = columns, FirstRow = firstRow;
    }

    /// <summary>matrix[column, firstRow + i] = values[i, column].</summary>
    public void Run<T>(ReadOnlySpan<T> values, int columns, ArrayView<T> matrix, int inputs, int firstRow) where T : unmanaged
    {
        var rows = _rows.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values)).Cast<T>();
        device.Each(Each, values.Length, new Arguments<T>(new(rows, columns), new(matrix, inputs), values.Length / columns, columns, firstRow));
    }

    public void Dispose() => _rows.Dispose();

    /// <summary>A lane moves one element.</summary>
    public static void Each<T>(Arguments<T> a) where T : unmanaged
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
            a.Y[(int)(item % a.Columns), a.FirstRow + (int)(item / a.Columns)] = a.X.Data[item];
    }
}
