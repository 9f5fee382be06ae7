namespace SparseRM.Backends.Reference;

/// <summary>The gate non-linearities in float64.</summary>
internal static class Activations
{
    public static double Apply(GatedActivationKind kind, double gate) => kind switch
    {
        GatedActivationKind.Silu => gate / (1 + Math.Exp(-gate)),
        GatedActivationKind.GeluTanh => 0.5 * gate * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (gate + 0.044715 * gate * gate * gate))),
        GatedActivationKind.GeluErf => 0.5 * gate * (1 + Erf(gate / Math.Sqrt(2))),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>erf by its Taylor series below 3 (error below 1e-13) and by the continued fraction of erfc above.</summary>
    private static double Erf(double x)
    {
        double size = Math.Abs(x);
        if (size > 6) return Math.Sign(x);
        if (size < 3)
        {
            double term = size, sum = size;
            for (int n = 1; n < 100; n++)
            {
                term *= -size * size / n;
                sum += term / (2 * n + 1);
            }
            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * sum;
        }
        double fraction = 0;
        for (int n = 60; n > 0; n--) fraction = n / 2.0 / (size + fraction);
        return Math.Sign(x) * (1 - Math.Exp(-size * size) / Math.Sqrt(Math.PI) / (size + fraction));
    }
}
