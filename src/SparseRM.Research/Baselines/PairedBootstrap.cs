using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Research.Baselines;

/// <summary>An estimate with its 95 % interval.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Value, double Low, double High);

/// <summary>Which test pairs each draw of a method ordered rightly.</summary>
/// <param name="Draws">By draw and pair.</param>
internal sealed record PairOutcomes(IReadOnlyList<bool[]> Draws)
{
    /// <summary>Share of rightly ordered pairs, over all draws.</summary>
    public double Accuracy => (double)Draws.Sum(draw => draw.Count(right => right)) / Draws.Sum(draw => (long)draw.Length);
}

/// <summary>Intervals by resampling prompts and draws with replacement, the same ones for every method, so that differences are paired.</summary>
/// <remarks>
/// Pairs of one prompt are drawn together: they are less than independent. Percentiles of 2,000 replicates, Efron 1979. Where nearly all pairs are right
/// replicates hardly vary, so an accuracy's interval is at least as wide as Wilson's for that many pairs.
/// </remarks>
internal sealed class PairedBootstrap
{
    private const int Replicates = 2000;
    private readonly int[] _groupOf, _pairs;
    private readonly int[][] _groups, _draws;

    /// <summary>Draws the replicates.</summary>
    /// <param name="groups">The prompt of each test pair.</param>
    /// <param name="draws">Draws of each method.</param>
    /// <param name="seed">Of the replicates.</param>
    public PairedBootstrap(IReadOnlyList<string> groups, int draws, long seed)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        _groupOf = [.. groups.Select(group => numbers.TryGetValue(group, out int number) ? number : numbers[group] = numbers.Count)];
        _pairs = new int[numbers.Count];
        foreach (int group in _groupOf) _pairs[group]++;
        var random = new SeededRandom(seed, stream: -4000);
        (_groups, _draws) = (new int[Replicates][], new int[Replicates][]);
        for (int i = 0; i < Replicates; i++)
        {
            _groups[i] = Times(numbers.Count, random);
            _draws[i] = Times(draws, random);
        }
    }

    /// <summary>The accuracy of a method.</summary>
    public Interval Accuracy(PairOutcomes outcomes)
    {
        var (low, high) = Percentiles(Resampled(outcomes));
        int pairs = _groupOf.Length;
        var wilson = new AccuracyInterval((int)Math.Round(outcomes.Accuracy * pairs, MidpointRounding.AwayFromZero), pairs);
        return new Interval(outcomes.Accuracy, Math.Min(low, Math.Min(wilson.Low, outcomes.Accuracy)), Math.Max(high, Math.Max(wilson.High, outcomes.Accuracy)));
    }

    /// <summary>By how much the first method is more accurate than the second.</summary>
    public Interval Difference(PairOutcomes first, PairOutcomes second)
    {
        double[] a = Resampled(first), b = Resampled(second);
        for (int i = 0; i < a.Length; i++) a[i] -= b[i];
        var (low, high) = Percentiles(a);
        return new Interval(first.Accuracy - second.Accuracy, low, high);
    }

    private double[] Resampled(PairOutcomes outcomes)
    {
        var right = outcomes.Draws.Select(draw =>
        {
            var byGroup = new int[_pairs.Length];
            for (int pair = 0; pair < draw.Length; pair++)
                if (draw[pair]) byGroup[_groupOf[pair]]++;
            return byGroup;
        }).ToArray();
        var accuracies = new double[Replicates];
        for (int i = 0; i < Replicates; i++)
        {
            long correct = 0, total = 0;
            for (int group = 0; group < _pairs.Length; group++)
            {
                int times = _groups[i][group];
                if (times == 0) continue;
                total += (long)times * _pairs[group] * right.Length;
                for (int draw = 0; draw < right.Length; draw++) correct += (long)times * _draws[i][draw] * right[draw][group];
            }
            accuracies[i] = (double)correct / total;
        }
        return accuracies;
    }

    /// <summary>How often each of some things is drawn in as many draws with replacement as there are things.</summary>
    private static int[] Times(int count, SeededRandom random)
    {
        var times = new int[count];
        for (int i = 0; i < count; i++) times[random.NextInt(count)]++;
        return times;
    }

    private static (double Low, double High) Percentiles(double[] values)
    {
        double[] sorted = [.. values.Order()];
        const int Tail = Replicates / 40;
        return (sorted[Tail - 1], sorted[^Tail]);
    }
}
