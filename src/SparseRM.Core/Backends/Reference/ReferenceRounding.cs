using SparseRM.Tensors;

namespace SparseRM.Backends.Reference;

/// <summary>Rounding to the type of products, in place; see <see cref="Matrix.Compute"/>.</summary>
internal static class ReferenceRounding
{
    private const float Largest = 127;
    private static readonly float s_least = MathF.ScaleB(1, -100);

    /// <summary>Rounds every row of an operand whose values were written as floats.</summary>
    public static void Round(Operand y)
    {
        for (int i = 0; i < y.Rows; i++)
        {
            float scale = Round(y.Row(i), y.Compute);
            if (y.Compute == DType.I8) y.Scale(i) = scale;
        }
    }

    /// <summary>Rounds a row: to integers of I8, whose scale it gives; else the scale is 1.</summary>
    public static float Round(Span<float> row, DType compute)
    {
        if (compute == DType.BF16)
            foreach (ref float value in row) value = BFloat16.Round(value);
        if (compute != DType.I8) return 1;
        float most = 0;
        foreach (float value in row) most = float.IsFinite(value) ? Math.Max(most, Math.Abs(value)) : float.NaN;
        float inverse = most >= s_least ? Largest / most : 0;
        foreach (ref float value in row) value = inverse == 0 ? 0 : MathF.Round(value * inverse, MidpointRounding.ToEven);
        return most < s_least ? 0 : most / Largest;
    }
}
