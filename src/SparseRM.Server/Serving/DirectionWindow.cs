namespace SparseRM.Server.Serving;

/// <summary>What one direction read in the first window of inputs and in the last.</summary>
internal sealed class DirectionWindow(string name)
{
    private readonly Queue<float> _last = new();
    private readonly List<float> _first = [];

    /// <summary>The direction.</summary>
    public string Name => name;

    /// <summary>Whether there are two whole windows that do not overlap.</summary>
    public bool IsKnown => _last.Count == DriftAudit.Window;

    /// <summary>By how many standard errors the last window's mean lies above the first one's; 0 where neither varies and both are the same.</summary>
    public double Shift
    {
        get
        {
            var (before, spread) = Moments(_first);
            var (now, spreadNow) = Moments(_last);
            double error = Math.Sqrt((spread + spreadNow) / DriftAudit.Window);
            return error > 0 ? (now - before) / error : now == before ? 0 : double.MaxValue;
        }
    }

    /// <summary>One more input.</summary>
    public void Add(float value)
    {
        if (_first.Count < DriftAudit.Window)
        {
            _first.Add(value);
            return;
        }
        _last.Enqueue(value);
        if (_last.Count > DriftAudit.Window) _last.Dequeue();
    }

    private static (double Mean, double Variance) Moments(IReadOnlyCollection<float> values)
    {
        double mean = values.Average(value => (double)value);
        return (mean, values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
    }
}
