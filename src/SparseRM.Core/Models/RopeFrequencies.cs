namespace SparseRM.Models;

/// <summary>Frequencies of a rotary table after scaling, each step in F32 as transformers computes it.</summary>
/// <remarks>
/// The F32 rounding of frequency and angle is a part of the model: at long range it moves the angle by more than our tolerance.
/// Source: transformers <c>modeling_rope_utils.py</c>.
/// </remarks>
internal static class RopeFrequencies
{
    /// <summary>theta^(-2i / d_head), i &lt; d_head / 2, scaled.</summary>
    public static float[] Of(RopeConfig config, int dHead)
    {
        var (scaling, power) = (config.Scaling, new float[dHead / 2]);
        for (int i = 0; i < power.Length; i++) power[i] = (float)Math.Pow(config.Theta, 2f * i / dHead);
        return scaling.Kind switch
        {
            // Dynamic scaling begins beyond ModelConfig.NCtx, which no input is.
            "default" or "dynamic" => Array.ConvertAll(power, value => 1 / value),
            "linear" => Array.ConvertAll(power, value => 1 / value / (float)scaling.Factor),
            "llama3" => Array.ConvertAll(power, value => Llama3(scaling, 1 / value)),
            "yarn" => Yarn(config, power, dHead),
            _ => throw new ArgumentException($"no rope scaling \"{scaling.Kind}\"", nameof(config)),
        };
    }

    /// <summary>llama3 (HF _compute_llama3_parameters): high frequencies kept, low ones divided by the factor, blended between.</summary>
    private static float Llama3(RopeScaling scaling, float frequency)
    {
        double wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalContext / scaling.HighFreqFactor) return frequency;
        if (wavelength > scaling.OriginalContext / scaling.LowFreqFactor) return (float)(frequency / scaling.Factor);
        double smooth = (scaling.OriginalContext / wavelength - scaling.LowFreqFactor) / (scaling.HighFreqFactor - scaling.LowFreqFactor);
        return (float)((1 - smooth) * frequency / scaling.Factor + smooth * frequency);
    }

    /// <summary>YaRN (HF _compute_yarn_parameters): frequencies that turn often in the trained context are kept, rare ones divided by the factor, a ramp over i between.</summary>
    private static float[] Yarn(RopeConfig config, float[] power, int dHead)
    {
        var scaling = config.Scaling;
        double low = Dimension(scaling.BetaFast), high = Dimension(scaling.BetaSlow);
        if (scaling.Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, dHead - 1));
        if (low == high) high += 0.001;
        var frequencies = new float[power.Length];
        for (int i = 0; i < frequencies.Length; i++)
        {
            float kept = 1 - Math.Clamp((i - (float)low) / (float)(high - low), 0, 1);
            frequencies[i] = 1 / ((float)scaling.Factor * power[i]) * (1 - kept) + 1 / power[i] * kept;
        }
        return frequencies;

        // The i at which a frequency turns this often within the trained context.
        double Dimension(double rotations) => dHead * Math.Log(scaling.OriginalContext / (rotations * 2 * Math.PI)) / (2 * Math.Log(config.Theta));
    }
}
