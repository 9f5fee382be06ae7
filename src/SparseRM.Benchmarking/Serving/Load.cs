using System.Diagnostics;

namespace SparseRM.Benchmarking.Serving;

/// <summary>Many clients that each ask for one sample after the other, in one or several turns whose times add up.</summary>
/// <param name="samples">What they ask for; all together go through them in order.</param>
/// <param name="clients">Clients at once.</param>
/// <param name="cpu">Processor time so far of the process that scores, in s.</param>
internal sealed class Load(IReadOnlyList<ServeBenchmark.Sample> samples, int clients, Func<double> cpu)
{
    private readonly List<double> _times = [];
    private double _seconds, _cpuSeconds;
    private long _tokens;
    private int _next;

    /// <summary>What all turns saw.</summary>
    public LoadResult Result
    {
        get
        {
            double[] sorted = [.. _times.Order()];
            return new LoadResult(clients, sorted.Length, _tokens / _seconds, _tokens / Math.Max(1e-9, _cpuSeconds), sorted[sorted.Length / 2], sorted[sorted.Length * 99 / 100]);
        }
    }

    /// <summary>A turn that is not counted: code is compiled when it runs for the first time, and once more in better code.</summary>
    public Task WarmAsync(TimeSpan time, Func<ServeBenchmark.Sample, int, Task> ask, CancellationToken cancel) => new Load(samples, clients, cpu).RunAsync(time, ask, cancel);

    /// <summary>A turn.</summary>
    /// <param name="time">How long; what was asked for by then is waited for.</param>
    /// <param name="ask">Asks, for a client by its number.</param>
    /// <param name="cancel">Checked between requests.</param>
    public async Task RunAsync(TimeSpan time, Func<ServeBenchmark.Sample, int, Task> ask, CancellationToken cancel)
    {
        double used = cpu();
        long start = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                cancel.ThrowIfCancellationRequested();
                var sample = samples[Interlocked.Increment(ref _next) % samples.Count];
                long began = Stopwatch.GetTimestamp();
                await ask(sample, client).ConfigureAwait(false);
                own.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                Interlocked.Add(ref _tokens, sample.Sequence.Ids.Length);
            }
            return own;
        }, cancel))).ConfigureAwait(false);
        _seconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        _cpuSeconds += cpu() - used;
        foreach (var own in times) _times.AddRange(own);
    }
}
