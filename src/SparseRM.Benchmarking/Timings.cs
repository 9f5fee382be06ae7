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
        while (budget.Exactly is { } runs ? seconds.Count < runs : seconds.Count < budget.AtLeast || (spent < budget.Seconds && seconds.Count < Most))
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
}

/// <summary>How much is spent on one measurement.</summary>
/// <param name="Seconds">Calls begin until then.</param>
/// <param name="AtLeast">Calls, however long they take.</param>
/// <param name="Exactly">Where it is given: so many calls, however long they take.</param>
public readonly record struct Budget(double Seconds, int AtLeast, int? Exactly = null);
