using SparseRM.Backends;

namespace SparseRM.Engine;

/// <summary>Scores that were enqueued behind a pass: another batch may be enqueued before they are read. For the thread that owns the backend.</summary>
/// <param name="reward">What scores.</param>
/// <param name="rows">n.</param>
/// <param name="columns">d_model.</param>
/// <param name="scores">Those that the backend makes.</param>
/// <param name="states">What the others are made of.</param>
internal readonly struct PendingScores(AttachedReward reward, int rows, int columns, PendingRows? scores, PendingRows? states) : IDisposable
{
    /// <summary>Scores of each row's heads, [n, heads of all components], NaN for a state that is not finite; valid until those of another batch are read.</summary>
    public ReadOnlySpan<float> Read() => reward.Read(rows, columns, scores, states);

    /// <inheritdoc/>
    public void Dispose()
    {
        scores?.Dispose();
        states?.Dispose();
    }
}
