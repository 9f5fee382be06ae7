using System.Runtime.CompilerServices;

namespace SparseRM.Interop.Cuda;

/// <summary>A parameter of a kernel: a device pointer, an int or a float, in the low bytes of eight.</summary>
internal readonly struct KernelArgument
{
    private KernelArgument(ulong bits) => Bits = bits;

    public ulong Bits { get; }

    public static implicit operator KernelArgument(nint pointer) => new((ulong)pointer);
    public static implicit operator KernelArgument(int value) => new((uint)value);
    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value));
}

/// <summary>The blocks of a launch.</summary>
internal readonly record struct Grid(int X, int Y = 1)
{
    /// <summary>Tiles that cover <paramref name="length"/>.</summary>
    public static int Tiles(int length, int tile) => (int)(((long)length + tile - 1) / tile);
}
