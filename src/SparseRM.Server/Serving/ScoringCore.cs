using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using SparseRM.Models;
using SparseRM.Server.Faults;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Serving;

/// <summary>The one way from inputs to scores, for all wires.</summary>
internal sealed class ScoringCore(RewardRegistry registry, ServerOptions options, ServerMetrics metrics, RecentScores recent, ILogger log)
{
    /// <summary>Scores what a request asks for. An input that fails has its own error; the others have their scores.</summary>
    /// <param name="work">The inputs.</param>
    /// <param name="arrived">Timestamp of the request's arrival, from which its time counts: reading its body and making ids of its texts are part of it.</param>
    /// <param name="cancel">The client went away: what waits leaves the queue.</param>
    /// <exception cref="Fault">Nothing of the request can be scored: no such model, too many inputs, the queue is full, the time is over.</exception>
    public async Task<ScoreAnswer> ScoreAsync(ScoreWork work, long arrived, CancellationToken cancel)
    {
        if (work.Items.Count > options.Limits.Items)
            throw new Fault(FaultKind.TooMany, $"the request has {work.Items.Count} inputs, this server takes {options.Limits.Items}; send them in parts");
        var allowed = work.Deadline is { } own && own < options.Limits.Deadline ? own : options.Limits.Deadline;
        using var use = new RewardUse(registry, work.Model);
        var answers = new ScoredItem[work.Items.Count];
        var encoded = new EncodedItem[answers.Length];
        var running = new List<int>(answers.Length);
        for (int i = 0; i < answers.Length; i++)
        {
            cancel.ThrowIfCancellationRequested();
            Remaining(allowed, arrived);
            try
            {
                encoded[i] = use.Reward.Encoder.Encode(work.Items[i], work);
                running.Add(i);
            }
            catch (Exception error)
            {
                answers[i] = ScoredItem.Failed(work.Items[i], Fault.OfEncoding(error, work.Items[i].Field));
            }
        }
        var results = await RunAsync(use.Reward, [.. running.Select(i => encoded[i].Input)], work, allowed, arrived, cancel).ConfigureAwait(false);
        for (int next = 0; next < running.Count; next++)
        {
            int i = running[next];
            answers[i] = ScoredItem.Of(work.Items[i], encoded[i], results[next], use.Reward.Scorer.Backbone.Tokenizer);
        }
        foreach (var answer in answers)
        {
            metrics.Scored(answer);
            if (answer.Fault is not { } fault) continue;
            fault.IsCounted = true;
            // The client is told no more than that there is something to read here.
            if (fault.Kind == FaultKind.Internal) ServerLog.InputFailed(log, fault.InnerException ?? fault, answer.Item.Field);
        }
        use.Reward.Drift.Offer(use.Reward, answers);
        recent.Add(use.Reward, answers);
        return new ScoreAnswer(use.Reward, answers);
    }

    /// <summary>The refusal of a request whose time is over.</summary>
    /// <param name="allowed">What it was.</param>
    public static Fault Over(TimeSpan allowed) => new(FaultKind.Deadline,
        $"no result within {allowed.TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture)} ms, the time that was allowed; allow more, or send less at once");

    /// <summary>What is left of a request's time.</summary>
    /// <param name="allowed">All of it.</param>
    /// <param name="arrived">Timestamp of the request's arrival.</param>
    /// <exception cref="Fault">Nothing is left.</exception>
    public static TimeSpan Remaining(TimeSpan allowed, long arrived)
    {
        var left = allowed - Stopwatch.GetElapsedTime(arrived);
        return left > TimeSpan.Zero ? left : throw Over(allowed);
    }

    private async Task<IReadOnlyList<ScoreResult>> RunAsync(ServedReward reward, IReadOnlyList<EncodedInput> inputs, ScoreWork work, TimeSpan allowed, long arrived, CancellationToken cancel)
    {
        if (inputs.Count == 0) return [];
        var scorer = reward.Scorer;
        if (work.Explain is not null && inputs.Count > options.Limits.Explained)
            throw new Fault(FaultKind.TooMany, $"explanations of {inputs.Count} inputs are asked for, this server gives {options.Limits.Explained} at once; send them in parts", "explain");
        var call = new ScoreOptions
        {
            Priority = work.Priority,
            Deadline = Remaining(allowed, arrived),
            PerToken = work.PerToken,
            // What a reward model does not know is answered with null.
            Doubt = work.Doubt && scorer.Reward.HasDoubt,
            Novelty = work.Novelty && scorer.Reward.HasNovelty,
            // This is a request's own thread; to wake another one twice would cost more than all else that a request costs.
            HereIfAlone = true,
            Explain = work.Explain?.Directions,
            ExplainTokens = work.Explain?.Tokens ?? 0,
        };
        // Waiting and scoring: from ids to results.
        using var span = Spans.Source.StartActivity("score")?.SetTag("sparserm.reward", reward.Name).SetTag("sparserm.inputs", inputs.Count)
            .SetTag("sparserm.tokens", inputs.Sum(input => (long)input.Ids.Length));
        try
        {
            return await scorer.ScoreAllAsync(inputs, call, cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw;
        }
        catch (DeadlineException)
        {
            throw Over(allowed);
        }
        catch (Exception error)
        {
            throw Fault.Of(error);
        }
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
