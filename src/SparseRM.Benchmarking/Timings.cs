using System.Diagnostics;

namespace SparseRM.Benchmarking;

/// <summary>Durations of repeated calls, in seconds.</summary>
public sealed class Timings
{
    private const int Most = 2000;
    private readonly double[] _sorted;

    /// <summary>Keeps at least one.</summary>
    public Timings(IReadOnlyCollection<double> seconds)
    {
        ArgumentOutOfRangeException.ThrowIfZero(seconds.Count, nameof(seconds));
        _sorted = [.. seconds.Order()];
    }

    /// <summary>How many.</summary>
    public int Count => _sorted.Length;

    /// <summary>The middle one: other work on the machine moves it least.</summary>
    public double Median => Quantile(0.5);

    /// <summary>The smallest that at least this share does not exceed.</summary>
    public double Quantile(double share) => _sorted[Math.Clamp((int)Math.Ceiling(share * _sorted.Length) - 1, 0, _sorted.Length - 1)];

    /// <summary>Half the interval in which the median lies with 95 % confidence, as a share of it; infinite for few calls.</summary>
    public double Spread
    {
        get
        {
            int k = Ab.PairedComparison.Rank(Count, 0.95);
            return k == 0 ? double.PositiveInfinity : (_sorted[^k] - _sorted[k - 1]) / (2 * Median);
        }
    }

    /// <summary>All of them, rising.</summary>
    public IReadOnlyList<double> All => _sorted;

    /// <summary>Times calls one after the other until the budget is spent.</summary>
    /// <param name="call">What is timed.</param>
    /// <param name="budget">How long, or how often.</param>
    /// <param name="stage">Told of the calls done.</param>
    /// <param name="cancel">Checked between calls.</param>
    /// <param name="time">Gives the seconds of a call; the host's clock where this is null. That spends the budget in any case.</param>
    public static Timings Of(
        Action call, Budget budget, Action<long, long>? stage = null, CancellationToken cancel = default, Func<Action, double>? time = null)
    {
        var seconds = new List<double>();
        double spent = 0;
        while (budget.Exactly is { } runs ? seconds.Count < runs : seconds.Count < budget.AtLeast || (spent < budget.Seconds && seconds.Count < Most && !IsSteady(seconds, budget)))
        {
            cancel.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            double? own = null;
            if (time is not null) own = time(call);
            else call();
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            seconds.Add(own ?? elapsed);
            spent += elapsed;
            double expected = Math.Clamp(budget.Seconds / spent * seconds.Count, Math.Max(budget.AtLeast, seconds.Count), Math.Max(Most, seconds.Count));
            stage?.Invoke(seconds.Count, budget.Exactly ?? (long)expected);
        }
        return new Timings(seconds);
    }

    private static bool IsSteady(List<double> seconds, Budget budget) => budget.Spread > 0 && new Timings(seconds).Spread <= budget.Spread;
}

/// <summary>How much is spent on one measurement.</summary>
/// <param name="Seconds">Calls begin until then.</param>
/// <param name="AtLeast">Calls, however long they take.</param>
/// <param name="Exactly">Where it is given: so many calls, however long they take.</param>
/// <param name="Spread">Calls end where <see cref="Timings.Spread"/> is at most this; 0 for the seconds alone.</param>
public readonly record struct Budget(double Seconds, int AtLeast, int? Exactly = null, double Spread = 0);
