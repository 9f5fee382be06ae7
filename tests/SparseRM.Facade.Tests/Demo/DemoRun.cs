using SparseRM.Demo;

namespace SparseRM.Facade.Tests.Demo;

/// <summary>The demo, run once.</summary>
public sealed class DemoRun
{
    public DemoResult Result { get; } = MiniWorldDemo.Run(new DemoOptions(), new Reports(progress => Stages.Add(progress.Stage)));

    /// <summary>Every stage that was reported.</summary>
    public static HashSet<string> Stages { get; } = [];
}
