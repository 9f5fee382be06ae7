using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Scoring;

namespace SparseRM.Research.Robustness;

/// <summary>What changes of test answers do to a head that was fitted without them.</summary>
/// <param name="answers">The test answers and their changes.</param>
/// <param name="input">The head's input.</param>
/// <param name="head">The head.</param>
internal sealed class Stability(ChangedAnswers answers, HeadInput input, RewardHead head)
{
    private const int Shown = 5;
    private readonly float[] _inputs = input.ComputeRows(answers.All.States, 1);

    /// <summary>Looks at a change.</summary>
    /// <param name="name">For tables.</param>
    /// <param name="change">Its number.</param>
    /// <param name="isOfOne">Whether it can be made of one answer alone: a paraphrase of both cannot.</param>
    public StabilityRow Of(string name, int change, bool isOfOne)
    {
        double[] before = Scores(row => row), after = Scores(row => answers.Row(row, change));
        int flipped = 0, right = 0, gained = 0;
        foreach (var pair in answers.Pairs)
        {
            if (Math.Sign(before[pair.Chosen] - before[pair.Rejected]) != Math.Sign(after[pair.Chosen] - after[pair.Rejected])) flipped++;
            if (before[pair.Chosen] <= before[pair.Rejected]) continue;
            right++;
            if (before[pair.Chosen] <= after[pair.Rejected]) gained++;
        }
        var (spread, shift) = Shift(before, after);
        return new StabilityRow(name, answers.Pairs.Length, Wilson(flipped, answers.Pairs.Length), isOfOne && right > 0 ? Wilson(gained, right) : null,
            spread > 0 ? shift / spread : 0, Directions(change));
    }

    private int Count => answers.Pairs.Max(pair => Math.Max(pair.Chosen, pair.Rejected)) + 1;

    private double[] Scores(Func<int, int> rowOf) => [.. Enumerable.Range(0, Count).Select(row => head.Score(Input(rowOf(row))))];

    private ReadOnlySpan<float> Input(int row) => _inputs.AsSpan(row * input.Count, input.Count);

    /// <summary>The directions along which most pairs change their order; of equal ones those that shift most.</summary>
    private FlippedDirection[] Directions(int change) => [.. Enumerable.Range(0, input.Count).Select(j =>
    {
        int flipped = 0;
        foreach (var pair in answers.Pairs)
        {
            var changed = answers.Both(pair, change);
            if (Math.Sign(Input(pair.Chosen)[j] - Input(pair.Rejected)[j]) != Math.Sign(Input(changed.Chosen)[j] - Input(changed.Rejected)[j])) flipped++;
        }
        double[] before = [.. Enumerable.Range(0, Count).Select(row => (double)Input(row)[j])], after = [.. Enumerable.Range(0, Count).Select(row => (double)Input(answers.Row(row, change))[j])];
        var (spread, shift) = Shift(before, after);
        return new FlippedDirection(input.Latents[j].Latent, (double)flipped / answers.Pairs.Length, spread > 0 ? shift / spread : 0);
    }).OrderByDescending(direction => direction.Flipped).ThenByDescending(direction => Math.Abs(direction.Shift)).ThenBy(direction => direction.Latent).Take(Shown)];

    /// <summary>Standard deviation before, and mean of what is added.</summary>
    private static (double Spread, double Shift) Shift(double[] before, double[] after)
    {
        double mean = before.Average();
        return (Math.Sqrt(before.Average(value => (value - mean) * (value - mean))), after.Average() - mean);
    }

    private static Interval Wilson(int count, int total)
    {
        var interval = new AccuracyInterval(count, total);
        return new Interval(interval.Accuracy, interval.Low, interval.High);
    }
}
