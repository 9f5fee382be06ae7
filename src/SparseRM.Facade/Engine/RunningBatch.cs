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

    /// <summary>What <see cref="BatchRun"/> had forgotten of the cache when the batch was begun.</summary>
    public long Losses { get; set; }

    /// <summary>Whether a request in it holds keys and values of its own.</summary>
    public bool HoldsMemory
    {
        get
        {
            foreach (var part in Parts)
                if (part.Request.HoldsMemory) return true;
            return false;
        }
    }

    /// <summary>Ends what was begun and not placed.</summary>
    public void Drop()
    {
        Error = null;
        foreach (var (_, _, scores) in Pending) scores.Dispose();
        Pending.Clear();
    }
}
