namespace SparseRM;

/// <summary>Passes progress on under another stage's name.</summary>
internal sealed class NamedStage(IProgress<WorkProgress>? target, string stage) : IProgress<WorkProgress>
{
    public void Report(WorkProgress value) => target?.Report(value with { Stage = stage });
}
