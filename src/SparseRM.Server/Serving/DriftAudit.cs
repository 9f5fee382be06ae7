using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Serving;

/// <summary>Looks at one scored input of <see cref="Every"/>, by the statistics of <see cref="DriftWindows"/>. An audit: it changes no score and stops nothing. Thread-safe.</summary>
internal sealed class DriftAudit
{
    /// <summary>One of so many scored inputs is looked at: each is a pass of its own.</summary>
    public const int Every = 64;

    private readonly RewardModel _reward;
    private readonly DriftWindows _windows;
    private readonly Lock _lock = new();
    private long _offered;
    private int _busy;

    /// <summary>Nothing was looked at yet.</summary>
    public DriftAudit(RewardModel reward) => (_reward, _windows) = (reward, new DriftWindows(DriftWindows.DirectionsOf(reward)));

    /// <summary>Looks at some of what was scored, on another thread; not at all while it is still at an earlier one.</summary>
    public void Offer(ServedReward served, IReadOnlyList<ScoredItem> items)
    {
        foreach (var item in items)
        {
            if (item.Fault is not null || Interlocked.Increment(ref _offered) % Every != 1 || Interlocked.Exchange(ref _busy, 1) != 0) continue;
            if (!served.TryUse())
            {
                Volatile.Write(ref _busy, 0);
                continue;
            }
            var input = item.Encoded.Input;
            _ = Task.Run(() =>
            {
                try
                {
                    Look(served.Scorer, input);
                }
                catch (Exception)
                {
                    // The input has its score; that it cannot be looked at again, since the queue is full, say, is no failure of anybody's.
                }
                finally
                {
                    Volatile.Write(ref _busy, 0);
                    served.Release();
                }
            });
        }
    }

    /// <summary>Takes the head's inputs of one scored text, of each component.</summary>
    public void Add(IReadOnlyList<float[]> inputs)
    {
        double? novelty = _reward.HasNovelty ? _reward.Novelty([.. _reward.Components.Select((component, c) => component.Novelty!.Of(inputs[c]))]) : null;
        float[] values = [.. inputs.SelectMany(values => values)];
        lock (_lock) _windows.Add(values, novelty);
    }

    /// <summary>What was found so far.</summary>
    public DriftReport Report()
    {
        lock (_lock) return _windows.Report();
    }

    private void Look(RewardScorer scorer, EncodedInput input) => Add([.. scorer.Explain(input, 0, 0).Components
        .Select(component => component.Parts.Shares.Select(share => (float)share.Value).ToArray())]);
}
