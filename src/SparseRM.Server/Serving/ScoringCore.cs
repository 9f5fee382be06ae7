using SparseRM.Errors;
using SparseRM.Server.Http;

namespace SparseRM.Server.Serving;

/// <summary>The one way from inputs to scores, for all wires.</summary>
internal sealed class ScoringCore(RewardRegistry registry, ServerOptions options, ServerMetrics metrics, RecentScores recent)
{
    /// <summary>Scores what a request asks for. An input that fails has its own error; the others have their scores.</summary>
    /// <param name="work">The inputs.</param>
    /// <param name="cancel">The client went away: what waits leaves the queue.</param>
    /// <exception cref="Fault">Nothing of the request can be scored: no such model, too many inputs, the queue is full, the time is over.</exception>
    public async Task<ScoreAnswer> ScoreAsync(ScoreWork work, CancellationToken cancel)
    {
        if (work.Items.Count > options.Limits.Items)
            throw new Fault(FaultKind.TooMany, $"the request has {work.Items.Count} inputs, this server takes {options.Limits.Items}; send them in parts");
        using var use = new RewardUse(registry, work.Model);
        var deadline = work.Deadline is { } own && own < options.Limits.Deadline ? own : options.Limits.Deadline;
        var answers = new ScoredItem[work.Items.Count];
        var encoded = new EncodedItem[answers.Length];
        var running = new List<(int Index, Task<ScoreResult> Score)>(answers.Length);
        for (int i = 0; i < answers.Length; i++)
        {
            try
            {
                encoded[i] = use.Reward.Encoder.Encode(work.Items[i], work);
                running.Add((i, ScoreOne(use.Reward.Scorer, encoded[i], work, deadline, cancel)));
            }
            catch (Exception error)
            {
                answers[i] = ScoredItem.Failed(work.Items[i], Fault.Of(error, work.Items[i].Field));
            }
        }
        Fault? whole = null;
        foreach (var (index, score) in running)
        {
            try
            {
                var result = await score.ConfigureAwait(false);
                answers[index] = ScoredItem.Of(work.Items[index], encoded[index], result, use.Reward.Scorer.Backbone.Tokenizer, Explain(use.Reward.Scorer, encoded[index], work));
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                throw;
            }
            catch (Exception error)
            {
                var fault = Fault.Of(error, work.Items[index].Field);
                if (fault.Kind is FaultKind.Full or FaultKind.Deadline or FaultKind.Unavailable) whole = fault;
                answers[index] = ScoredItem.Failed(work.Items[index], fault);
            }
        }
        if (whole is not null) throw whole;
        foreach (var answer in answers) metrics.Scored(answer);
        recent.Add(use.Reward, answers);
        return new ScoreAnswer(use.Reward, answers);
    }

    private static RewardExplanation? Explain(RewardScorer scorer, EncodedItem item, ScoreWork work) =>
        work.Explain is var (directions, tokens) ? scorer.Explain(item.Input, directions, tokens) : null;

    private static async Task<ScoreResult> ScoreOne(RewardScorer scorer, EncodedItem item, ScoreWork work, TimeSpan deadline, CancellationToken cancel)
    {
        var call = new ScoreCallOptions { Priority = work.Priority, Deadline = deadline };
        float score = await scorer.ScoreAsync(item.Input.ReadAt(scorer.Position), call, cancel).ConfigureAwait(false);
        float[]? tokens = work.PerToken is null ? null : await Task.Run(() => scorer.ScoreTokens(item.Input), cancel).ConfigureAwait(false);
        return new ScoreResult(score) { TokenScores = tokens, Tokens = item.Input.Ids.Length };
    }
}

/// <summary>Scores of a request.</summary>
/// <param name="Reward">What gave them.</param>
/// <param name="Items">In the order of the inputs.</param>
internal sealed record ScoreAnswer(ServedReward Reward, IReadOnlyList<ScoredItem> Items)
{
    /// <summary>Tokens of all inputs.</summary>
    public long Tokens => Items.Sum(item => (long)item.Tokens);

    /// <summary>The scores, where the wire cannot say that some failed.</summary>
    /// <exception cref="Fault">The first failure.</exception>
    public float[] Scores => [.. Items.Select(item => item.Score)];
}
