using ILGPU;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>How an element of an operand or of a matrix becomes a float, and back. A constant of the kernel, like a template argument.</summary>
internal interface IElement<T> where T : unmanaged
{
    float Widen(T value);
    T Narrow(float value);
}

/// <summary>F32.</summary>
internal readonly struct Single32 : IElement<float>
{
    public float Widen(float value) => value;
    public float Narrow(float value) => value;
}

/// <summary>BF16 by its bits: ILGPU has no such type.</summary>
internal readonly struct Bf16 : IElement<ushort>
{
    public float Widen(ushort value) => Interop.IntAsFloat((uint)value << 16);

    /// <summary>To nearest, ties to even; a NaN stays a quiet NaN, as in <see cref="Tensors.BFloat16"/>.</summary>
    public ushort Narrow(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
        return (ushort)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
    }
}

/// <summary>Rows on the device: element (i, j) lies at <c>i * Stride + j</c>.</summary>
internal readonly struct Rows<T>(ArrayView<T> data, int stride) where T : unmanaged
{
    public readonly ArrayView<T> Data = data;
    public readonly int Stride = stride;

    public ref T this[int row, int column] => ref Data[(long)row * Stride + column];

    /// <summary>Row <paramref name="row"/> from its first column on.</summary>
    public ArrayView<T> Row(int row, int columns) => Data.SubView((long)row * Stride, columns);

    /// <summary>Row <paramref name="row"/> and those that follow.</summary>
    public Rows<T> From(int row) => new(Data.SubView((long)row * Stride), Stride);
}

/// <summary>BF16 elements two by two.</summary>
internal static class RowPairs
{
    /// <summary>The same rows as words of two elements, the first in the lower half; the stride is even.</summary>
    public static Rows<uint> Pairs(this Rows<ushort> rows) => new(rows.Data.Cast<uint>(), rows.Stride / 2);
}
