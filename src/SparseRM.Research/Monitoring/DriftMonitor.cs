using SparseRM.Scoring;

namespace SparseRM.Research.Monitoring;

/// <summary>A window of a stream.</summary>
/// <param name="Number">From 1.</param>
/// <param name="First">Number of its first answer in the stream, from 1.</param>
/// <param name="Last">Number of its last.</param>
/// <param name="MeanScore">Mean of its scores.</param>
/// <param name="Report">What was found.</param>
public sealed record MonitoredWindow(int Number, long First, long Last, double MeanScore, DriftReport Report)
{
    /// <summary>Whether it is other than the reference.</summary>
    public bool IsAlarm => Report.IsUnusual || Report.IsShifted;
}

/// <summary>Looks at a stream of scored answers, window after window. Memory does not grow with the stream.</summary>
public sealed class DriftMonitor
{
    private readonly DriftWindows _windows;
    private readonly int _window;
    private readonly bool _hasReference;
    private double _sum;
    private long _seen, _first = 1;

    /// <summary>Begins.</summary>
    /// <param name="names">What the numbers of an answer are.</param>
    /// <param name="window">Answers of a window.</param>
    /// <param name="held">Answers that the stream is compared with; null for its own first window.</param>
    public DriftMonitor(IReadOnlyList<string> names, int window, IReadOnlyList<Observation>? held)
    {
        _windows = new DriftWindows(names, window, held is null ? 1 - DriftWindows.Unusual : FalseAlarmRate.ChanceOf(held));
        foreach (var one in held ?? []) _windows.Refer(one.Values);
        (_window, _hasReference) = (window, held is not null);
    }

    /// <summary>Answers seen.</summary>
    public long Seen => _seen;

    /// <summary>Windows that were compared.</summary>
    public int Windows { get; private set; }

    /// <summary>Takes an answer; the window that it completes, or null.</summary>
    public MonitoredWindow? Add(Observation answer)
    {
        _windows.Add(answer.Values, answer.Novelty);
        _sum += answer.Score;
        if (++_seen - _first + 1 < _window) return null;
        // The first window is the reference where there is no other.
        bool isReference = !_hasReference && _first == 1;
        var found = isReference ? null : new MonitoredWindow(++Windows, _first, _seen, _sum / _window, _windows.Report());
        (_first, _sum) = (_seen + 1, 0);
        return found;
    }
}
