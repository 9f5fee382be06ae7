using ILGPU;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>Comparisons that a NaN never passes.</summary>
/// <remarks>
/// ILGPU turns a condition round to jump where it does not hold, and writes the turned comparison for OpenCL without its unordered case, so that
/// there <c>if (x &gt; 0)</c> holds for a NaN. These look at the bits.
/// </remarks>
internal static class FloatBits
{
    /// <summary>Whether x is above zero: the bits of positive floats rise from 1 to those of infinity.</summary>
    public static bool IsPositive(float x) => Interop.FloatAsInt(x) - 1 < 0x7F800000u;

    /// <inheritdoc cref="IsPositive(float)"/>
    public static bool IsPositive(double x) => Interop.FloatAsInt(x) - 1 < 0x7FF0000000000000ul;

    /// <summary>Whether a is above b, and neither is a NaN.</summary>
    public static bool IsGreater(float a, float b) => !IsNaN(a) && !IsNaN(b) && Ordered(a) > Ordered(b);

    /// <summary>An integer for each number, in their order; one for both zeros.</summary>
    private static int Ordered(float x)
    {
        int bits = (int)Interop.FloatAsInt(x);
        return bits >= 0 ? bits : -(bits & 0x7FFFFFFF);
    }

    private static bool IsNaN(float x) => (Interop.FloatAsInt(x) & 0x7FFFFFFFu) > 0x7F800000u;
}
