using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>What <see cref="Backend.Score"/> means, computed on the host. Keeps its memory from call to call; not thread-safe.</summary>
internal sealed class HostScore
{
    private float[] _states = [], _scores = [], _v = [];

    public void Run(Backend backend, Tensor z, ScoreWeights weights, Tensor scores)
    {
        int heads = weights.Heads.Count;
        Grow(ref _states, z.Rows * z.Columns);
        Grow(ref _scores, z.Rows * heads);
        Grow(ref _v, weights.Inputs);
        backend.Download(z, _states);
        for (int row = 0; row < z.Rows; row++)
            ScoreRow(_states.AsSpan(row * weights.DModel, weights.DModel), weights, _v.AsSpan(0, weights.Inputs), _scores.AsSpan(row * heads, heads));
        backend.Upload(_scores.AsSpan(0, z.Rows * heads), scores);
    }

    private static void ScoreRow(ReadOnlySpan<float> z, ScoreWeights weights, Span<float> v, Span<float> scores)
    {
        foreach (float value in z)
        {
            if (float.IsFinite(value)) continue;
            scores.Fill(float.NaN);
            return;
        }
        if (weights.Directions.IsEmpty) z.CopyTo(v);
        else for (int j = 0; j < v.Length; j++) v[j] = (float)DotProduct.Of(weights.Directions.Span.Slice(j * z.Length, z.Length), z);
        for (int head = 0; head < scores.Length; head++) scores[head] = (float)HeadScore(weights.Heads[head], v);
    }

    private static double HeadScore(in ScoreHead head, ReadOnlySpan<float> v)
    {
        double score = head.B2;
        for (int unit = 0; unit < head.B1.Length; unit++)
        {
            double pre = DotProduct.Of(head.W1.Span.Slice(unit * v.Length, v.Length), v) + head.B1.Span[unit];
            if (pre > 0) score += head.W2.Span[unit] * pre;
        }
        return score;
    }

    private static void Grow(ref float[] values, int length)
    {
        if (values.Length < length) values = new float[length];
    }
}
