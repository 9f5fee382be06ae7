using SparseRM.Research.Baselines;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>Runs of one setting with several seeds.</summary>
/// <param name="Setting">Its seed is the first one's.</param>
/// <param name="Accuracy">Mean over the seeds, with a 95 % interval for the test pairs' and the seeds' chance together.</param>
/// <param name="HeldOutAccuracy">Mean over the seeds; null where nothing was held out.</param>
/// <param name="Seeds">How many.</param>
public sealed record SweepSummary(SweepSetting Setting, Interval Accuracy, double? HeldOutAccuracy, int Seeds);

/// <summary>What a sweep found.</summary>
/// <param name="Runs">In the order of the settings.</param>
/// <param name="Known">How many of them were known before.</param>
/// <param name="Backend">Where the model ran.</param>
/// <param name="Notes">Combinations that cannot be, one sentence each.</param>
public sealed record SweepResult(IReadOnlyList<SweepRun> Runs, int Known, string Backend, IReadOnlyList<string> Notes)
{
    private const double Z = 1.959963984540054;

    /// <summary>Setting by setting, seeds together.</summary>
    public IReadOnlyList<SweepSummary> Summaries { get; } = [.. Runs.GroupBy(run => run.Setting with { Seed = 0 }).Select(group =>
    {
        SweepRun[] runs = [.. group];
        return new SweepSummary(runs[0].Setting, MeanOf(runs), runs.All(run => run.HeldOutAccuracy is not null) ? runs.Average(run => run.HeldOutAccuracy!.Value) : null, runs.Length);
    })];

    /// <summary>The setting that does best on held-out pairs, which no test pair had a say in; of equal ones the first. Null where nothing was held out.</summary>
    public SweepSummary? Chosen => Summaries.Where(summary => summary.HeldOutAccuracy is not null).MaxBy(summary => summary.HeldOutAccuracy!.Value);

    /// <summary>The mean accuracy of runs on the same test pairs.</summary>
    /// <remarks>Wilson's interval at the mean for the test pairs, which all runs share, and 1.96 standard errors of the mean for the runs' spread; their lengths add in squares.</remarks>
    public static Interval MeanOf(IReadOnlyCollection<SweepRun> runs)
    {
        double mean = runs.Average(run => (double)run.Correct / run.Total), spread = 0;
        if (runs.Count > 1)
        {
            double variance = runs.Sum(run => Math.Pow(((double)run.Correct / run.Total) - mean, 2)) / (runs.Count - 1);
            spread = Z * Math.Sqrt(variance / runs.Count);
        }
        int total = runs.First().Total;
        var wilson = new AccuracyInterval((int)Math.Round(mean * total, MidpointRounding.AwayFromZero), total);
        double low = Math.Max(0, mean - wilson.Low), high = Math.Max(0, wilson.High - mean);
        return new Interval(mean, Math.Max(0, mean - Math.Sqrt((low * low) + (spread * spread))), Math.Min(1, mean + Math.Sqrt((high * high) + (spread * spread))));
    }
}
