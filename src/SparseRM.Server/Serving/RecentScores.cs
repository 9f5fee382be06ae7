using SparseRM.Server.Faults;
using SparseRM.Text;

namespace SparseRM.Server.Serving;

/// <summary>One scored dialogue that the page may open again.</summary>
/// <param name="Model">The reward model.</param>
/// <param name="At">When.</param>
/// <param name="Messages">The dialogue; null where a rendered text was scored.</param>
/// <param name="Text">The rendered text; null where a dialogue was scored.</param>
/// <param name="Score">Its score.</param>
internal sealed record RecentScore(string Model, DateTimeOffset At, IReadOnlyList<Message>? Messages, string? Text, float Score);

/// <summary>The last scored texts, in memory only; keeps nothing unless asked to. Thread-safe.</summary>
internal sealed class RecentScores(int capacity)
{
    private readonly Queue<RecentScore> _scores = new();

    /// <summary>Whether anything is kept.</summary>
    public bool Keeps => capacity > 0;

    /// <summary>The last ones, newest first.</summary>
    public IReadOnlyList<RecentScore> All
    {
        get
        {
            lock (_scores) return [.. _scores.Reverse()];
        }
    }

    /// <summary>Keeps what has a score and a text.</summary>
    public void Add(ServedReward reward, IReadOnlyList<ScoredItem> items)
    {
        if (capacity == 0) return;
        lock (_scores)
        {
            foreach (var item in items)
            {
                if (item.Fault is not null || item.Item is not (TextItem or DialogueItem)) continue;
                _scores.Enqueue(new RecentScore(reward.Name, DateTimeOffset.UtcNow, (item.Item as DialogueItem)?.Messages, (item.Item as TextItem)?.Text, item.Score));
                if (_scores.Count > capacity) _scores.Dequeue();
            }
        }
    }
}
