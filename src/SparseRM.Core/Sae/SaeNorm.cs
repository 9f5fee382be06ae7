namespace SparseRM.Sae;

/// <summary>The run-time norms of <see cref="SaeInputNorm"/>, sums in float64. Source: SAELens, run_time_activation_norm_fn_in and _out.</summary>
public static class SaeNorm
{
    /// <summary>Normalises one row in place and returns what <see cref="Undo"/> needs.</summary>
    public static (double Factor, double Mean) Apply(SaeInputNorm norm, Span<float> x)
    {
        switch (norm)
        {
            case SaeInputNorm.LayerNorm:
                double mean = 0, squares = 0;
                foreach (float value in x) mean += value;
                mean /= x.Length;
                foreach (float value in x) squares += (value - mean) * (value - mean);
                double deviation = Math.Sqrt(squares / (x.Length - 1));
                foreach (ref float value in x) value = (float)((value - mean) / (deviation + 1e-5));
                return (deviation, mean);
            case SaeInputNorm.ConstantNorm:
                double size = 0;
                foreach (float value in x) size += (double)value * value;
                double factor = Math.Sqrt(x.Length) / Math.Sqrt(size);
                foreach (ref float value in x) value = (float)(value * factor);
                return (1 / factor, 0);
            default:
                return (1, 0);
        }
    }

    /// <summary>y = y * factor + mean.</summary>
    public static void Undo((double Factor, double Mean) norm, Span<float> y)
    {
        foreach (ref float value in y) value = (float)(value * norm.Factor + norm.Mean);
    }
}
