using SparseRM.Models;

namespace SparseRM.CApi;

/// <summary>Runs what may take long so that a canceller, a deadline and a progress callback are heard meanwhile.</summary>
internal static class Running
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);

    /// <summary>Scores of inputs. With a deadline, progress hears on this thread that nothing is done until all is, so that it can cancel.</summary>
    /// <exception cref="Errors.SparseRMException">The call as a whole fails: the queue is full, the deadline passed.</exception>
    public static IReadOnlyList<ScoreResult> Score(
        RewardScorer scorer, IReadOnlyList<EncodedInput> inputs, ScoreOptions options, int count, IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        options.Deadline is null ? scorer.ScoreAll(inputs, options, progress, cancel) : Wait(() => scorer.ScoreAllAsync(inputs, options, cancel), count, progress, cancel);

    /// <summary>The score of a session; as with a deadline above.</summary>
    public static float Score(ScoringSession session, ScoreOptions options, IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        Wait(() => session.ScoreAsync(options with { HereIfAlone = true }, cancel), 1, progress, cancel);

    /// <summary>As the first, without a thread that waits.</summary>
    public static async Task<IReadOnlyList<ScoreResult>> ScoreAsync(
        RewardScorer scorer, IReadOnlyList<EncodedInput> inputs, ScoreOptions options, int count, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var work = scorer.ScoreAllAsync(inputs, options, cancel);
        while (progress is not null && await Task.WhenAny(work, Task.Delay(s_step, CancellationToken.None)).ConfigureAwait(false) != work)
            progress.Report(new WorkProgress("scoring", 0, count));
        var results = await work.ConfigureAwait(false);
        progress?.Report(new WorkProgress("scoring", count, count));
        return results;
    }

    private static T Wait<T>(Func<Task<T>> start, int count, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        // Before it starts: what is done at once could not be cancelled.
        progress?.Report(new WorkProgress("scoring", 0, count));
        cancel.ThrowIfCancellationRequested();
        var work = start();
        while (progress is not null && Task.WaitAny([work], s_step) < 0) progress.Report(new WorkProgress("scoring", 0, count));
        var result = work.GetAwaiter().GetResult();
        progress?.Report(new WorkProgress("scoring", count, count));
        return result;
    }
}
