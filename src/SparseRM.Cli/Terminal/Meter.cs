using Spectre.Console;
using Spectre.Console.Rendering;

namespace SparseRM.Cli.Terminal;

/// <summary>Bars with rate and time left on standard error while work goes on; silent where that is no terminal.</summary>
internal sealed class Meter : IProgress<WorkProgress>
{
    private readonly ProgressContext? _bars;
    private ProgressTask? _last;
    private string? _stage;

    private Meter(ProgressContext? bars) => _bars = bars;

    /// <summary>Runs the work; its bars disappear when it ends.</summary>
    /// <param name="session">Has the terminal.</param>
    /// <param name="work">Reports to the meter.</param>
    /// <param name="isQuiet">Shows no bars.</param>
    public static T Run<T>(Session session, Func<Meter, T> work, bool isQuiet = false)
    {
        if (isQuiet || !session.Bars.Profile.Capabilities.Interactive) return work(new Meter(null));
        var columns = new ProgressColumn[] { new TaskDescriptionColumn(), new ProgressBarColumn(), new CountColumn(), new RemainingTimeColumn() };
        return session.Bars.Progress().AutoClear(true).Columns(columns).Start(bars => work(new Meter(bars)));
    }

    /// <summary>Moves the stage's bar; a new stage has a new bar, and the one before it counts as done.</summary>
    public void Report(WorkProgress value)
    {
        if (_bars is null) return;
        if (_stage != value.Stage)
        {
            if (_last is not null)
            {
                _last.Value = _last.MaxValue;
                _last.StopTask();
            }
            (_stage, _last) = (value.Stage, _bars.AddTask(Markup.Escape(value.Stage), maxValue: Math.Max(1, value.Total)));
        }
        _last!.Value = value.Done;
    }

    /// <summary>The same as a number of units done.</summary>
    public IProgress<int> Stage(string stage, long total) => new Units(this, stage, total);

    /// <summary>The same as a number of bytes, of which the total may not be known.</summary>
    public IProgress<long> Bytes(string stage, long total) => new Units(this, stage, total);

    // Not System.Progress<T>, which would report from other threads and out of order.
    private sealed class Units(Meter meter, string stage, long total) : IProgress<int>, IProgress<long>
    {
        public void Report(int value) => Report((long)value);

        public void Report(long value) => meter.Report(new WorkProgress(stage, value, Math.Max(total, value)));
    }

    private sealed class CountColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(FormattableString.Invariant($"{task.Value:N0}/{task.MaxValue:N0}  {task.Speed ?? 0:N0}/s"));
    }
}
