namespace SparseRM;

/// <summary>Passes a count on as a stage of a longer work, on the calling thread.</summary>
internal sealed class StageProgress(IProgress<WorkProgress>? target, string stage, long total, long before = 0) : IProgress<int>
{
    public void Report(int done) => target?.Report(new WorkProgress(stage, before + done, total));
}
