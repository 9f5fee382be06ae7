using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Research.Monitoring;

/// <summary>How often a monitor alarms on answers among which nothing changed.</summary>
/// <param name="Alarms">Windows with an alarm.</param>
/// <param name="Windows">Windows that were tried.</param>
public sealed record FalseAlarmRate(int Alarms, int Windows)
{
    private const int Tried = 1000, MostAnswers = 1 << 14;

    /// <summary>The share with its 95 % interval (Wilson). Windows share answers, so the true interval is somewhat wider.</summary>
    public AccuracyInterval Share => new(Alarms, Windows);

    /// <summary>Draws windows from held-out answers at random, each against the rest of them, and counts alarms.</summary>
    /// <param name="held">The answers, at least two windows of them; of very many the first.</param>
    /// <param name="names">What their numbers are.</param>
    /// <param name="window">Answers of a window.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="threads">Threads at most; changes no bit.</param>
    /// <param name="cancel">Checked before each window.</param>
    /// <exception cref="SparseRMException">There are fewer than two windows.</exception>
    public static FalseAlarmRate Measure(IReadOnlyList<Observation> held, IReadOnlyList<string> names, int window, long seed, int threads, CancellationToken cancel)
    {
        if (held.Count < 2 * window)
            throw new SparseRMException(ErrorKind.Usage, $"the false-alarm rate of windows of {window} answers is measured on at least {2 * window} held-out ones, and there are {held.Count}; give more, or a smaller window");
        int count = Math.Min(held.Count, MostAnswers);
        double chance = ChanceOf(held);
        int alarms = 0;
        Parallel.For(0, Tried, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel }, draw =>
        {
            int[] order = [.. Enumerable.Range(0, count)];
            new SeededRandom(seed, stream: -5000 - draw).Shuffle(order.AsSpan());
            var windows = new DriftWindows(names, window, chance);
            foreach (int i in order[window..]) windows.Refer(held[i].Values);
            foreach (int i in order[..window]) windows.Add(held[i].Values, held[i].Novelty);
            var report = windows.Report();
            if (report.IsShifted || report.IsUnusual) Interlocked.Increment(ref alarms);
        });
        return new FalseAlarmRate(alarms, Tried);
    }

    /// <summary>Share of answers that are unusual by chance: 1 of 100 as the fit has it, or as many of the held-out ones as there may be, where that is more.</summary>
    public static double ChanceOf(IReadOnlyList<Observation> held)
    {
        int known = held.Count(one => one.Novelty is not null), unusual = held.Count(one => one.Novelty > DriftWindows.Unusual);
        return known == 0 ? 1 - DriftWindows.Unusual : Math.Min(0.999, Math.Max(1 - DriftWindows.Unusual, new AccuracyInterval(unusual, known).High));
    }
}
