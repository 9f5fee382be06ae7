using Spectre.Console;
using Spectre.Console.Rendering;

namespace SparseRM.Cli.Terminal;

/// <summary>Bars with rate and time left on standard error while work goes on; silent where that is no terminal.</summary>
internal sealed class Meter
{
    private readonly ProgressContext? _bars;
    private ProgressTask? _last;

    private Meter(ProgressContext? bars) => _bars = bars;

    /// <summary>Runs the work; its bars disappear when it ends.</summary>
    public static T Run<T>(Session session, Func<Meter, T> work)
    {
        if (!session.Bars.Profile.Capabilities.Interactive) return work(new Meter(null));
        var columns = new ProgressColumn[] { new TaskDescriptionColumn(), new ProgressBarColumn(), new CountColumn(), new RemainingTimeColumn() };
        return session.Bars.Progress().AutoClear(true).Columns(columns).Start(bars => work(new Meter(bars)));
    }

    /// <summary>A new bar; the one before it counts as done.</summary>
    /// <param name="what">A word or two.</param>
    /// <param name="total">What makes it full.</param>
    public IProgress<int> Stage(string what, long total)
    {
        Finish();
        _last = _bars?.AddTask(Markup.Escape(what), maxValue: Math.Max(1, total));
        return new Bar(_last);
    }

    /// <summary>A bar without an end in sight.</summary>
    public void Stage(string what)
    {
        Stage(what, 1);
        if (_last is not null) _last.IsIndeterminate = true;
    }

    private void Finish()
    {
        if (_last is null) return;
        _last.Value = _last.MaxValue;
        _last.StopTask();
    }

    // Not System.Progress<T>, which would report from other threads and out of order.
    private sealed class Bar(ProgressTask? task) : IProgress<int>
    {
        public void Report(int value)
        {
            if (task is not null) task.Value = value;
        }
    }

    private sealed class CountColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(task.IsIndeterminate ? "" : FormattableString.Invariant($"{task.Value:N0}/{task.MaxValue:N0}  {task.Speed ?? 0:N0}/s"));
    }
}
