namespace SparseRM.Engine;

/// <summary>A batch on its way through <see cref="BatchRun"/>: its requests' parts, and what was begun for them.</summary>
internal sealed class RunningBatch
{
    /// <summary>Its parts; those of one consumer stand together.</summary>
    public List<BatchPart> Parts { get; } = [];

    /// <summary>Runs of parts whose scores are to be placed yet.</summary>
    public List<(int First, int End, PendingScores Scores)> Pending { get; } = [];

    /// <summary>Why its pass could not be enqueued; null where it could.</summary>
    public Exception? Error { get; set; }

    /// <summary>How often <see cref="BatchRun"/> had forgotten all of the cache when the batch was begun.</summary>
    public long Losses { get; set; }

    /// <summary>Whether it goes on from something that the cache knew.</summary>
    public bool IsOnKnown { get; set; }

    /// <summary>Whether it may be begun before the one before it has ended, and the next one before it has.</summary>
    public bool MayOverlap
    {
        get
        {
            foreach (var part in Parts)
                if (!part.Request.MayOverlap) return false;
            return true;
        }
    }

    /// <summary>Gives up what was begun and not placed.</summary>
    public void Drop()
    {
        foreach (var (_, _, scores) in Pending) scores.Dispose();
        Pending.Clear();
    }
}
