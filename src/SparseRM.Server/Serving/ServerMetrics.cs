using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Serving;

/// <summary>Counters and latencies since the server started, in Prometheus' text form. Thread-safe.</summary>
internal sealed class ServerMetrics
{
    private static readonly double[] s_bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120];
    private readonly ConcurrentDictionary<(string Wire, int Status), StrongCount> _requests = new();
    private readonly ConcurrentDictionary<string, StrongCount> _failures = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Histogram> _seconds = new(StringComparer.Ordinal);
    private long _scores, _tokens, _running, _reloads, _failedReloads;

    /// <summary>A number that threads add to.</summary>
    private sealed class StrongCount
    {
        public long Value;
    }

    private sealed class Histogram
    {
        public readonly long[] Counts = new long[s_bounds.Length + 1];
        public long Ticks;
    }

    /// <summary>Requests that have no answer yet.</summary>
    public long Running => Volatile.Read(ref _running);

    /// <summary>A request came.</summary>
    public void Began() => Interlocked.Increment(ref _running);

    /// <summary>A request has its answer.</summary>
    /// <param name="wire">Whose form it had.</param>
    /// <param name="status">HTTP status; 499 where the client went away.</param>
    /// <param name="started">Timestamp of its beginning.</param>
    public void Ended(string wire, int status, long started)
    {
        Interlocked.Decrement(ref _running);
        Interlocked.Increment(ref _requests.GetOrAdd((wire, status), _ => new StrongCount()).Value);
        var elapsed = Stopwatch.GetElapsedTime(started);
        var histogram = _seconds.GetOrAdd(wire, _ => new Histogram());
        int bucket = 0;
        while (bucket < s_bounds.Length && elapsed.TotalSeconds > s_bounds[bucket]) bucket++;
        Interlocked.Increment(ref histogram.Counts[bucket]);
        Interlocked.Add(ref histogram.Ticks, elapsed.Ticks);
    }

    /// <summary>A request, or one of its inputs, failed.</summary>
    public void Failed(string kind) => Interlocked.Increment(ref _failures.GetOrAdd(kind, _ => new StrongCount()).Value);

    /// <summary>An input has its answer.</summary>
    public void Scored(ScoredItem item)
    {
        if (item.Fault is { } fault)
        {
            Failed(fault.Word);
            return;
        }
        Interlocked.Increment(ref _scores);
        Interlocked.Add(ref _tokens, item.Tokens);
    }

    /// <summary>A reward model was read again.</summary>
    public void Reloaded(bool done)
    {
        if (done) Interlocked.Increment(ref _reloads);
        else Interlocked.Increment(ref _failedReloads);
    }

    /// <summary>Writes all of it.</summary>
    /// <param name="registry">The reward models.</param>
    /// <param name="more">Writes what others count; null for nothing.</param>
    public string Write(RewardRegistry registry, Action<MetricsText>? more)
    {
        var text = new MetricsText();
        text.Of("sparserm_requests_total", "counter", "Requests with an answer, by wire and HTTP status (499: the client went away).");
        foreach (var ((wire, status), count) in _requests.OrderBy(entry => entry.Key)) text.Line($"wire=\"{wire}\",status=\"{status}\"", Volatile.Read(ref count.Value));
        text.Of("sparserm_requests_running", "gauge", "Requests without an answer yet.").Line("", Running);
        text.Of("sparserm_failures_total", "counter", "Requests or inputs without a score, by kind.");
        foreach (var (kind, count) in _failures.OrderBy(entry => entry.Key, StringComparer.Ordinal)) text.Line($"kind=\"{kind}\"", Volatile.Read(ref count.Value));
        text.Of("sparserm_scores_total", "counter", "Inputs with a score.").Line("", Volatile.Read(ref _scores));
        text.Of("sparserm_scored_tokens_total", "counter", "Tokens of inputs with a score.").Line("", Volatile.Read(ref _tokens));
        text.Of("sparserm_reloads_total", "counter", "Reward files read again, by result.")
            .Line("result=\"done\"", Volatile.Read(ref _reloads)).Line("result=\"failed\"", Volatile.Read(ref _failedReloads));
        WriteLatencies(text);
        EngineMetrics.Write(text, registry);
        more?.Invoke(text);
        return text.ToString();
    }

    private void WriteLatencies(MetricsText text)
    {
        text.Of("sparserm_request_seconds", "histogram", "From the headers of a request to the last byte of its answer.");
        foreach (var (wire, histogram) in _seconds.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            long total = 0;
            for (int i = 0; i <= s_bounds.Length; i++)
            {
                total += Volatile.Read(ref histogram.Counts[i]);
                string bound = i < s_bounds.Length ? s_bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                text.Part("_bucket", $"wire=\"{wire}\",le=\"{bound}\"", total);
            }
            text.Part("_sum", $"wire=\"{wire}\"", TimeSpan.FromTicks(Volatile.Read(ref histogram.Ticks)).TotalSeconds);
            text.Part("_count", $"wire=\"{wire}\"", total);
        }
    }
}

/// <summary>Writes Prometheus' text form.</summary>
internal sealed class MetricsText
{
    private readonly StringBuilder _text = new();
    private string _name = "";

    /// <summary>Begins a metric.</summary>
    public MetricsText Of(string name, string type, string help)
    {
        _name = name;
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        return this;
    }

    /// <summary>A value of it.</summary>
    public MetricsText Line(string labels, double value) => Part("", labels, value);

    /// <summary>A value of one of its parts.</summary>
    public MetricsText Part(string suffix, string labels, double value)
    {
        _text.Append(CultureInfo.InvariantCulture, $"{_name}{suffix}{(labels.Length > 0 ? $"{{{labels}}}" : "")} {value}\n");
        return this;
    }

    /// <summary>A label's value as the form wants it.</summary>
    public static string Label(string value) => value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n");

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
