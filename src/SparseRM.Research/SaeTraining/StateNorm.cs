using System.Runtime.Intrinsics;
using SparseRM.Errors;

namespace SparseRM.Research.SaeTraining;

/// <summary>The units of training: x = (state - mean) * scale, so that x has mean 0 and a mean squared norm of d_in. Undone in the saved biases and thresholds.</summary>
/// <param name="Mean">[d_in].</param>
/// <param name="Scale">One number.</param>
internal sealed record StateNorm(float[] Mean, float Scale)
{
    private const int MostRows = 1 << 17;

    /// <summary>Of the first states of a buffer, summed in float64.</summary>
    /// <exception cref="SparseRMException">They are all equal.</exception>
    public static StateNorm Of(StateBuffer states, int width)
    {
        int rows = Math.Min(states.Rows, MostRows);
        var sums = new double[width];
        double squares = 0;
        for (int row = 0; row < rows; row++)
        {
            var state = states[row];
            for (int i = 0; i < width; i++)
            {
                sums[i] += state[i];
                squares += (double)state[i] * state[i];
            }
        }
        double inMean = sums.Sum(sum => sum / rows * (sum / rows));
        double variance = (squares / rows) - inMean;
        if (!(variance > 1e-12 * squares / rows)) throw new SparseRMException($"the states of the {rows} tokens to train on are all equal, so there is nothing to learn; give more texts");
        return new StateNorm(Array.ConvertAll(sums, sum => (float)(sum / rows)), (float)Math.Sqrt(width / variance));
    }

    /// <summary>x of a state, in a row that is padded with zeros.</summary>
    public void Apply(ReadOnlySpan<float> state, Span<float> x)
    {
        int i = 0;
        for (; i + 8 <= state.Length; i += 8)
            ((Vector256.Create((ReadOnlySpan<float>)state.Slice(i, 8)) - Vector256.Create<float>(Mean.AsSpan(i, 8))) * Scale).CopyTo(x.Slice(i, 8));
        for (; i < state.Length; i++) x[i] = (state[i] - Mean[i]) * Scale;
        x[state.Length..].Clear();
    }
}
