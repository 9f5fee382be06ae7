namespace SparseRM.Scoring;

/// <summary>What one number of each answer read in the reference and in the last window.</summary>
/// <param name="name">What the number is.</param>
/// <param name="window">Answers of a window.</param>
internal sealed class DriftSeries(string name, int window)
{
    private readonly Queue<float> _last = new();
    private readonly List<float> _reference = [];
    private (double Mean, double Variance)? _moments;
    private bool _isReferred;

    /// <summary>What the number is.</summary>
    public string Name => name;

    /// <summary>Whether there is a whole window behind the reference.</summary>
    public bool IsKnown => _last.Count == window;

    /// <summary>By how many standard errors the last window's mean lies above the reference's; 0 where neither varies and both are the same.</summary>
    public double Shift
    {
        get
        {
            var (before, spread) = _moments ??= Moments(_reference);
            var (now, spreadNow) = Moments(_last);
            double error = Math.Sqrt((spread / _reference.Count) + (spreadNow / window));
            return error > 0 ? (now - before) / error : now == before ? 0 : double.MaxValue;
        }
    }

    /// <summary>One more value of the reference.</summary>
    public void Refer(float value)
    {
        _isReferred = true;
        _reference.Add(value);
    }

    /// <summary>One more answer's; where there is no reference, the first window becomes it.</summary>
    public void Add(float value)
    {
        if (!_isReferred && _reference.Count < window)
        {
            _reference.Add(value);
            return;
        }
        _last.Enqueue(value);
        if (_last.Count > window) _last.Dequeue();
    }

    private static (double Mean, double Variance) Moments(IReadOnlyCollection<float> values)
    {
        double mean = values.Average(value => (double)value);
        return (mean, values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
    }
}
