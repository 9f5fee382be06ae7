using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Research.SaeTraining;

/// <summary>Adam in float32 for one step. There is no weight decay: the decoder's rows have norm 1, and the encoder's scale is part of what is learned.</summary>
/// <remarks>
/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= rate m / (sqrt(v) / sqrt(1 - b2^t) + eps), rate = lr / (1 - b1^t). Source: Kingma and Ba 2015,
/// in the form of torch.optim.Adam; every operation rounds once, so the bits do not depend on the vector width.
/// </remarks>
internal readonly struct Adam
{
    private const float Beta1 = 0.9f, Beta2 = 0.999f, Epsilon = 1e-8f;
    private readonly float _rate, _root;

    /// <summary>Step number t, from 1.</summary>
    public Adam(long step, double learningRate)
    {
        _rate = (float)(learningRate / (1 - Power(Beta1, step)));
        _root = (float)(1 / Math.Sqrt(1 - Power(Beta2, step)));
    }

    /// <summary>Moves parameters against their gradients, in place.</summary>
    public void Step(Span<float> p, ReadOnlySpan<float> g, Span<float> m, Span<float> v)
    {
        int i = 0, whole = p.Length - (p.Length % RowMath.Unit);
        ref float value = ref MemoryMarshal.GetReference(p), gradient = ref MemoryMarshal.GetReference(g[..p.Length]);
        ref float mean = ref MemoryMarshal.GetReference(m[..p.Length]), square = ref MemoryMarshal.GetReference(v[..p.Length]);
        for (; i < whole; i += RowMath.Unit)
        {
            nuint at = (nuint)i;
            var slope = Vector512.LoadUnsafe(ref gradient, at);
            var first = (Vector512.LoadUnsafe(ref mean, at) * Beta1) + (slope * (1 - Beta1));
            var second = (Vector512.LoadUnsafe(ref square, at) * Beta2) + (slope * slope * (1 - Beta2));
            first.StoreUnsafe(ref mean, at);
            second.StoreUnsafe(ref square, at);
            (Vector512.LoadUnsafe(ref value, at) - (first * _rate / ((Vector512.Sqrt(second) * _root) + Vector512.Create(Epsilon)))).StoreUnsafe(ref value, at);
        }
        for (; i < p.Length; i++) Step(ref p[i], g[i], ref m[i], ref v[i]);
    }

    /// <summary>The same for one parameter.</summary>
    public void Step(ref float p, float g, ref float m, ref float v)
    {
        m = (m * Beta1) + (g * (1 - Beta1));
        v = (v * Beta2) + (g * g * (1 - Beta2));
        p -= m * _rate / ((MathF.Sqrt(v) * _root) + Epsilon);
    }

    // By squaring, since what Math.Pow rounds depends on the system's library.
    private static double Power(double value, long exponent)
    {
        double result = 1;
        for (; exponent > 0; exponent >>= 1, value *= value)
            if ((exponent & 1) != 0) result *= value;
        return result;
    }
}
