using System.Diagnostics;
using SparseRM.Backends;

namespace SparseRM.Benchmarking;

/// <summary>Times scores as a program asks for them, through <see cref="RewardScorer"/>: alone, in batches, in groups, short ones.</summary>
public static class ScoringBenchmark
{
    /// <summary>Measures.</summary>
    /// <param name="options">What.</param>
    /// <param name="progress">Told of each stage.</param>
    /// <param name="cancel">Checked between calls.</param>
    /// <exception cref="Errors.SparseRMException">The model or the backend is not available, or the model is smaller than what is asked for.</exception>
    public static BenchResult Run(BenchOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if (options.Threads.Count == 0) throw new ArgumentException("no number of threads is given", nameof(options));
        var model = BenchModel.Of(options);
        var others = options.Threads.SkipLast(1).Select(threads =>
        {
            using var run = new BenchRun(model, options, threads, progress, cancel);
            return (Threads: threads, run.Headline().TokensPerSecond);
        }).ToArray();
        using var full = new BenchRun(model, options, options.Threads[^1], progress, cancel);
        var result = full.Measure();
        if (others.Length == 0) return result;
        double first = others[0].TokensPerSecond;
        return result with
        {
            Scaling = [.. others.Append((options.Threads[^1], result.Headline.TokensPerSecond))
                .Select(row => new ScalingRow(row.Item1, row.Item2, row.Item2 / first))],
        };
    }
}

/// <summary>One opened model, timed.</summary>
internal sealed class BenchRun : IDisposable
{
    // A call that is expected to take longer is its own warm-up: what the first call allocates is nothing beside it.
    private const double LongCall = 2;
    private readonly BenchModel _model;
    private readonly BenchOptions _options;
    private readonly IProgress<WorkProgress>? _progress;
    private readonly CancellationToken _cancel;
    private readonly RewardScorer _scorer;
    private readonly double _openSeconds;

    public BenchRun(BenchModel model, BenchOptions options, int threads, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        (_model, _options, _progress, _cancel) = (model, options, progress, cancel);
        long start = Stopwatch.GetTimestamp();
        using var backbone = model.Open(options, threads, progress, cancel);
        _openSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _scorer = backbone.Attach(RandomReward.For(backbone, model.Blocks - 1, options.Seed));
    }

    private Backend Backend => _scorer.Backbone.Backend;

    /// <summary>The scenario that the result is known by, alone.</summary>
    public ScenarioResult Headline() => _options.Batch > 1
        ? Time(Scenario.Batch(_model, _options, _scorer.Backbone), Seconds(6), 1, null)
        : Time(Scenario.Single(_model, _options), Seconds(6), 3, null);

    public BenchResult Measure()
    {
        var peaks = Backend.MeasurePeaks(_options.Quick ? MachinePeaks.Seconds / 4 : MachinePeaks.Seconds);
        var (single, brief) = (Scenario.Single(_model, _options), Scenario.Short(_model, _options));
        long start = Stopwatch.GetTimestamp();
        _scorer.ScoreBatch(single.Sequences);
        double first = Stopwatch.GetElapsedTime(start).TotalSeconds;

        var alone = Time(single, Seconds(8), 3, null);
        var scenarios = new List<ScenarioResult>
        {
            alone,
            Time(brief, Seconds(2), 3, alone),
            Time(Scenario.Batch(_model, _options, _scorer.Backbone), Seconds(6), 1, alone),
        };
        if (!_options.Quick) scenarios.Add(Time(Scenario.Group(_model, _options), Seconds(4), 1, alone));
        long call = Allocated(single), briefCall = Allocated(brief);
        return new BenchResult
        {
            Model = _model, Options = _options, Backend = (Backend.Name, Backend.Description), Compute = _scorer.Backbone.Compute, Peaks = peaks,
            Variants = Enum.GetValues<OpKind>().ToDictionary(op => op, op => Backend.Variants(op).First(variant => variant.Selected).Name),
            OpenSeconds = _openSeconds, FirstScoreSeconds = first, ModelBytes = _scorer.Backbone.Model.ResidentBytes, ResidentBytes = Environment.WorkingSet,
            AllocatedBytesPerCall = call,
            AllocatedBytesPerToken = (call - briefCall) / (double)Math.Max(1, Tokens(single) - Tokens(brief)),
            Scenarios = scenarios, Scaling = [],
        };
    }

    private double Seconds(double usual) => _options.Quick ? usual / 8 : usual;

    private ScenarioResult Time(Scenario scenario, double seconds, int atLeast, ScenarioResult? single)
    {
        var work = NominalWork.Of(_model.Config, _model.Blocks, scenario.Sequences);
        if (single is not null && work.DistinctTokens * single.SecondsPerToken < LongCall) Call();
        string stage = $"scoring {scenario.What}";
        _progress?.Report(new WorkProgress(stage, 0, atLeast));
        var timings = Timings.Of(Call, new Budget(seconds, atLeast, _options.Runs), (done, total) => _progress?.Report(new WorkProgress(stage, done, total)), _cancel);
        var result = new ScenarioResult { Name = scenario.Name, What = scenario.What, Sequences = scenario.Sequences.Count, Work = work, Seconds = timings };
        return result with { CostOfSingle = single is null ? null : result.SecondsPerToken / single.SecondsPerToken };

        void Call() => _scorer.ScoreBatch(scenario.Sequences, null, _cancel);
    }

    private static int Tokens(Scenario scenario) => scenario.Sequences.Sum(sequence => sequence.Ids.Length);

    // Of this thread alone: a progress bar draws itself on another.
    private long Allocated(Scenario scenario)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        _scorer.ScoreBatch(scenario.Sequences);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    public void Dispose() => _scorer.Dispose();
}
