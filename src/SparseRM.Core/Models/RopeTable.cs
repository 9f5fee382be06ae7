using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>cos and sin of every position and frequency of one rotary table, times the table's attention factor, on a backend; grows with the longest sequence.</summary>
public sealed class RopeTable(Backend backend, RopeConfig config, int dHead) : IDisposable
{
    private Tensor? _table;

    /// <summary>The table for at least <paramref name="positions"/> positions: [positions, d_head], cos before sin.</summary>
    public Tensor For(int positions)
    {
        if (_table is { } table && table.Rows >= positions) return table;
        Dispose();
        int rows = (int)Math.Max(64, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)positions));
        var grown = new Tensor(backend.Allocate((long)rows * dHead), 0, rows, dHead, dHead);
        try
        {
            backend.Upload(Values(rows), grown);
        }
        catch
        {
            grown.Buffer.Dispose();
            throw;
        }
        _table = grown;
        return grown;
    }

    /// <summary>Frequencies after scaling: theta^(-2i / d_head), i &lt; d_head / 2, each step in F32 as transformers computes it.</summary>
    public static float[] Frequencies(RopeConfig config, int dHead) => RopeFrequencies.Of(config, dHead);

    private float[] Values(int rows)
    {
        var frequencies = Frequencies(config, dHead);
        var values = new float[rows * dHead];
        float factor = (float)config.Scaling.AttentionFactor;
        for (int position = 0; position < rows; position++)
        {
            for (int i = 0; i < frequencies.Length; i++)
            {
                float angle = position * frequencies[i];
                values[position * dHead + i] = (float)Math.Cos(angle) * factor;
                values[position * dHead + dHead / 2 + i] = (float)Math.Sin(angle) * factor;
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
