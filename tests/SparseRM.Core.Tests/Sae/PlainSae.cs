using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Encode and decode by the formulas of <see cref="SparseAutoencoder"/>, in double, for comparison with the formats' owners.</summary>
internal sealed class PlainSae(SparseAutoencoder sae)
{
    private readonly float[] _encoder = Matrix(sae.WEnc, sae.EncoderIsTransposed, sae.DIn, sae.DSae);
    private readonly float[] _directions = sae.ReadDirections([.. Enumerable.Range(0, sae.DSae)]);

    public (float[] FeatureActs, float[] Recon) Run(float[] x)
    {
        var acts = new float[x.Length / sae.DIn * sae.DSae];
        var recon = new float[x.Length];
        for (int row = 0; row < x.Length / sae.DIn; row++)
            RunRow(x.AsSpan(row * sae.DIn, sae.DIn), acts.AsSpan(row * sae.DSae, sae.DSae), recon.AsSpan(row * sae.DIn, sae.DIn));
        return (acts, recon);
    }

    private void RunRow(ReadOnlySpan<float> x, Span<float> acts, Span<float> recon)
    {
        var (shift, scale) = Norm(x);
        var pre = new float[sae.DSae];
        for (int j = 0; j < sae.DSae; j++)
        {
            double sum = 0;
            for (int i = 0; i < sae.DIn; i++) sum += (x[i] - shift) / scale.In * _encoder[i * sae.DSae + j];
            pre[j] = (float)(sum * (sae.EncoderScale?[j] ?? 1f) + sae.BEnc[j]);
        }
        int capacity = sae.Activation.Gate.Capacity(sae.DSae);
        var indices = new int[capacity];
        var values = new float[capacity];
        int count = sae.Activation.Gate.Apply(pre, indices, values);
        var output = Array.ConvertAll(sae.BDec, bias => (double)bias);
        for (int n = 0; n < count; n++)
        {
            acts[indices[n]] = values[n];
            for (int i = 0; i < sae.DIn; i++) output[i] += (double)values[n] * _directions[indices[n] * sae.DIn + i];
        }
        for (int i = 0; i < sae.DIn; i++) recon[i] = (float)(output[i] * scale.Out + shift);
    }

    private (double Shift, (double In, double Out) Scale) Norm(ReadOnlySpan<float> x)
    {
        double mean = 0, squares = 0;
        switch (sae.InputNorm)
        {
            case SaeInputNorm.LayerNorm:
                foreach (float value in x) mean += value / (double)x.Length;
                foreach (float value in x) squares += (value - mean) * (value - mean);
                double std = Math.Sqrt(squares / (x.Length - 1));
                return (mean, (std + 1e-5, std));
            case SaeInputNorm.ConstantNorm:
                foreach (float value in x) squares += (double)value * value;
                double inverse = Math.Sqrt(squares) / Math.Sqrt(x.Length);
                return (0, (inverse, inverse));
            default:
                return (0, (1, 1));
        }
    }

    private static float[] Matrix(WeightSlice slice, bool transposed, int rows, int columns)
    {
        float[] values = slice.ReadSingles();
        if (!transposed) return values;
        var turned = new float[values.Length];
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) turned[i * columns + j] = values[j * rows + i];
        return turned;
    }
}
