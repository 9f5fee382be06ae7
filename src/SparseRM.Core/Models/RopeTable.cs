using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>cos and sin of every position and frequency of one rotary table, on a backend; grows with the longest sequence.</summary>
public sealed class RopeTable(Backend backend, RopeConfig config, int dHead) : IDisposable
{
    private Tensor? _table;

    /// <summary>The table for at least <paramref name="positions"/> positions: [positions, d_head], cos before sin.</summary>
    public Tensor For(int positions)
    {
        if (_table is { } table && table.Rows >= positions) return table;
        _table?.Buffer.Dispose();
        int rows = (int)Math.Max(64, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)positions));
        var grown = new Tensor(backend.Allocate((long)rows * dHead), 0, rows, dHead, dHead);
        backend.Upload(Values(rows), grown);
        _table = grown;
        return grown;
    }

    /// <summary>Frequencies after scaling: theta^(-2i / d_head), i &lt; d_head / 2, each step in F32 as transformers computes it.</summary>
    /// <remarks>The F32 rounding of frequency and angle is a part of the model: at long range it moves the angle by more than our tolerance.</remarks>
    public static float[] Frequencies(RopeConfig config, int dHead) =>
        [.. Enumerable.Range(0, dHead / 2).Select(i => Scaled(config.Scaling, 1f / (float)Math.Pow(config.Theta, 2f * i / dHead)))];

    /// <summary>llama3 (HF _compute_llama3_parameters): high frequencies kept, low ones divided by the factor, blended between.</summary>
    private static float Scaled(RopeScaling scaling, float frequency)
    {
        if (scaling.Kind == "default") return frequency;
        float divided = (float)(frequency / scaling.Factor);
        if (scaling.Kind == "linear") return divided;
        double wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalContext / scaling.HighFreqFactor) return frequency;
        if (wavelength > scaling.OriginalContext / scaling.LowFreqFactor) return divided;
        double smooth = (scaling.OriginalContext / wavelength - scaling.LowFreqFactor) / (scaling.HighFreqFactor - scaling.LowFreqFactor);
        return (float)((1 - smooth) * frequency / scaling.Factor + smooth * frequency);
    }

    private float[] Values(int rows)
    {
        var frequencies = Frequencies(config, dHead);
        var values = new float[rows * dHead];
        for (int position = 0; position < rows; position++)
        {
            for (int i = 0; i < frequencies.Length; i++)
            {
                float angle = position * frequencies[i];
                values[position * dHead + i] = (float)Math.Cos(angle);
                values[position * dHead + dHead / 2 + i] = (float)Math.Sin(angle);
            }
        }
        return values;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _table?.Buffer.Dispose();
        _table = null;
    }
}
