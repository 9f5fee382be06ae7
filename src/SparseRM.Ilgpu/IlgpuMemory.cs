using ILGPU;
using ILGPU.Runtime;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu;

/// <summary>Floats on the device.</summary>
internal sealed class IlgpuBuffer(IlgpuDevice device, long length) : DeviceBuffer(length)
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _memory = device.Allocate<float>(length, $"{length} floats");

    /// <summary>All of it.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public ArrayView<float> View
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory.IsDisposed, this);
            return _memory.View;
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();
}

/// <summary>A matrix [outputs, inputs] as it lies in C order, in F32 or by the bits of BF16.</summary>
internal sealed class IlgpuMatrix(IlgpuDevice device, int outputs, int inputs, DType compute, DType storage) : Matrix(outputs, inputs, compute)
{
    private readonly MemoryBuffer1D<byte, Stride1D.Dense> _memory =
        device.Allocate<byte>((long)outputs * inputs * storage.ByteSize(), $"a matrix [{outputs}, {inputs}] in {storage}");

    /// <summary>F32 or BF16.</summary>
    public DType Storage { get; } = storage;

    /// <summary>The elements, where <see cref="Storage"/> is F32.</summary>
    public Rows<float> Singles => new(Elements<float>(), Inputs);

    /// <summary>The bits, where <see cref="Storage"/> is BF16.</summary>
    public Rows<ushort> Halves => new(Elements<ushort>(), Inputs);

    /// <inheritdoc/>
    public override long ResidentBytes => (long)Outputs * Inputs * Storage.ByteSize();

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();

    private ArrayView<T> Elements<T>() where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_memory.IsDisposed, this);
        return ((ArrayView<byte>)_memory.View).Cast<T>();
    }
}

/// <summary>An operand's memory as the kernels see it: dense rows of F32, or of the bits of BF16.</summary>
internal readonly record struct IlgpuOperand(ArrayView<float> Memory, int Count, int Columns, DType Compute)
{
    /// <summary>The rows, where <see cref="Compute"/> is F32.</summary>
    public Rows<float> Singles => new(Memory, Columns);

    /// <summary>The rows, where <see cref="Compute"/> is BF16.</summary>
    public Rows<ushort> Halves => new(Memory.Cast<ushort>(), Columns);
}

/// <summary>From the seam's views to the kernels'.</summary>
internal static class IlgpuViews
{
    /// <summary>A tensor's rows.</summary>
    /// <exception cref="ArgumentException">It is of another backend.</exception>
    /// <exception cref="ShapeMismatchException">It reaches outside its buffer.</exception>
    public static Rows<float> On(this Tensor tensor)
    {
        var view = View(tensor.Buffer);
        long end = tensor.Offset + Math.Max(tensor.Rows - 1L, 0) * tensor.RowStride + tensor.Columns;
        if (tensor.Offset < 0 || tensor.RowStride < tensor.Columns || end > tensor.Buffer.Length)
            throw new ShapeMismatchException(
                "tensor", $"{tensor} of stride {tensor.RowStride} at {tensor.Offset} reaches outside its buffer of {tensor.Buffer.Length}");
        return new(view.SubView(tensor.Offset), tensor.RowStride);
    }

    /// <summary>An operand's memory.</summary>
    /// <inheritdoc cref="On(Tensor)"/>
    public static IlgpuOperand On(this Operand operand)
    {
        if (Operand.Length(operand.Rows, operand.Columns) > operand.Buffer.Length)
            throw new ShapeMismatchException("operand", $"[{operand.Rows}, {operand.Columns}] reaches outside its buffer of {operand.Buffer.Length}");
        return new(View(operand.Buffer), operand.Rows, operand.Columns, operand.Compute);
    }

    /// <summary>A matrix of this backend.</summary>
    /// <exception cref="ArgumentException">It is of another backend.</exception>
    public static IlgpuMatrix On(this Matrix matrix) =>
        matrix as IlgpuMatrix ?? throw new ArgumentException("the matrix was loaded by another backend", nameof(matrix));

    private static ArrayView<float> View(DeviceBuffer buffer) =>
        (buffer as IlgpuBuffer ?? throw new ArgumentException("the tensor is of another backend", nameof(buffer))).View;
}
