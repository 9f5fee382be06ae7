using ILGPU.Algorithms;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>
/// The transcendental functions of the kernels, within the ops' tolerances on every device: CUDA computes <see cref="XMath.Exp(float)"/> with
/// ex2.approx (2 ulp and the rounding of its argument), and its tanh.approx (2^-11) and ILGPU's own Tanh (NaN from 44 on) will not do.
/// </summary>
internal static class DeviceMath
{
    /// <summary>tanh x: the Taylor series up to x^9 below 1/4 (relative error below 1e-8), above it 1 - 2 / (exp(2|x|) + 1).</summary>
    public static float Tanh(float x)
    {
        float size = XMath.Abs(x), square = x * x;
        if (size < 0.25f) return x + x * square * (-1f / 3 + square * (2f / 15 + square * (-17f / 315 + square * (62f / 2835))));
        float value = 1 - 2 / (XMath.Exp(2 * XMath.Min(size, 20)) + 1);
        return x < 0 ? -value : value;
    }

    /// <summary>erf x by Abramowitz and Stegun 7.1.26: absolute error at most 1.5e-7.</summary>
    public static float Erf(float x)
    {
        float size = XMath.Min(XMath.Abs(x), 6), t = 1 / (1 + 0.3275911f * size);
        float series = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
        float value = 1 - series * XMath.Exp(-size * size);
        return x < 0 ? -value : value;
    }

    /// <summary>1 / (1 + exp(-x)).</summary>
    public static float Sigmoid(float x) => 1 / (1 + XMath.Exp(-XMath.Max(x, -87)));
}
