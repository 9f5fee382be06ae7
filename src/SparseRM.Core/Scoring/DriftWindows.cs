namespace SparseRM.Scoring;

/// <summary>Whether scored answers are still like those before: how many are unusual beside those of the fit, and which numbers of them read otherwise.</summary>
/// <remarks>
/// Windows are of so many answers. Unusual is a novelty above 0.99, which 1 of 100 answers like those of the fit has: an alarm is a count that chance gives in
/// <see cref="FalseAlarms"/> of windows. A number's alarm compares the last window's mean with the reference's, by default the first window's, with the bound for
/// all numbers together, so that chance gives any alarm in at most <see cref="FalseAlarms"/> of windows. Both hold for answers that are independent of each other;
/// many answers to one prompt are not. Memory does not grow with the stream. Not thread-safe.
/// </remarks>
public sealed class DriftWindows
{
    /// <summary>Answers that are compared where nobody says how many.</summary>
    public const int DefaultWindow = 256;

    /// <summary>Share of windows in which chance alone alarms, for each of the two alarms.</summary>
    public const double FalseAlarms = 0.001;

    /// <summary>A novelty above which an answer is unusual.</summary>
    public const double Unusual = 0.99;

    private const int Shown = 8;
    private readonly int _window;
    private readonly double _chance;
    private readonly Queue<bool> _unusual = new();
    private readonly DriftSeries[] _series;
    private long _seen;

    /// <summary>Nothing was seen yet.</summary>
    /// <param name="names">What the numbers of an answer are.</param>
    /// <param name="window">Answers of a window, at least 2.</param>
    /// <param name="chance">Share of answers that are unusual by chance.</param>
    public DriftWindows(IEnumerable<string> names, int window = DefaultWindow, double chance = 1 - Unusual)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 2);
        (_window, _chance, _series) = (window, chance, [.. names.Select(name => new DriftSeries(name, window))]);
    }

    /// <summary>The names of a reward model's directions, component after component.</summary>
    public static IEnumerable<string> DirectionsOf(RewardModel reward) => reward.Components.SelectMany(component => Enumerable.Range(0, component.Input.Count).Select(i =>
        component.Input.Latents.Count > 0 ? $"{component.Name}/latent {component.Input.Latents[i].Latent}" : $"{component.Name}/{i}"));

    /// <summary>An answer that belongs to the reference, before any is added; at least 2 of them, or none.</summary>
    public void Refer(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < _series.Length; i++) _series[i].Refer(values[i]);
    }

    /// <summary>Takes the numbers of a scored answer.</summary>
    /// <param name="values">In the order of the names.</param>
    /// <param name="novelty">Its novelty; null where that is not known.</param>
    public void Add(ReadOnlySpan<float> values, double? novelty)
    {
        _seen++;
        if (novelty is { } known)
        {
            _unusual.Enqueue(known > Unusual);
            if (_unusual.Count > _window) _unusual.Dequeue();
        }
        for (int i = 0; i < _series.Length; i++) _series[i].Add(values[i]);
    }

    /// <summary>What was found so far.</summary>
    public DriftReport Report()
    {
        int unusual = _unusual.Count(found => found);
        double bound = Tails.NormalBound(FalseAlarms / Math.Max(1, _series.Length));
        var shifts = _series.Where(series => series.IsKnown).Select(series => (series.Name, series.Shift)).OrderByDescending(shift => Math.Abs(shift.Shift)).Take(Shown).ToArray();
        return new DriftReport(_seen, _unusual.Count, unusual, _unusual.Count == _window && Tails.Binomial(_window, _chance, unusual) < FalseAlarms,
            shifts, shifts.Length > 0 && Math.Abs(shifts[0].Shift) > bound);
    }
}

/// <summary>What was found of scored answers.</summary>
/// <param name="Seen">Answers seen in all.</param>
/// <param name="Inputs">Answers of the window whose novelty is known.</param>
/// <param name="Unusual">Unusual ones among them.</param>
/// <param name="IsUnusual">Whether those are more than chance gives.</param>
/// <param name="Shifts">The numbers that moved most, in standard errors.</param>
/// <param name="IsShifted">Whether one moved more than chance moves any.</param>
public sealed record DriftReport(long Seen, int Inputs, int Unusual, bool IsUnusual, IReadOnlyList<(string Name, double Shift)> Shifts, bool IsShifted);
