using SparseRM.Errors;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM.Engine;

/// <summary>Refuses what a reward model, an input or a call cannot give: nothing that is asked for is ignored.</summary>
internal static class OptionChecks
{
    /// <summary>Refuses what nothing can be run by, before a model is opened.</summary>
    /// <exception cref="SparseRMException">Names the option, what was found and what to give.</exception>
    public static void Require(BackboneOptions options, int layer)
    {
        ArgumentNullException.ThrowIfNull(options);
        RequireAtLeast("layer", layer, 0);
        RequireAtLeast("max-batch-tokens", options.MaxBatchTokens, 1);
        RequireAtLeast("prefix-cache-bytes", options.PrefixCacheBytes, 0);
        RequireAtLeast("session-bytes", options.SessionBytes ?? 0, 0);
        RequireAtLeast("max-requests", options.Queue.MaxRequests, 1);
        RequireAtLeast("max-tokens", options.Queue.MaxTokens, 1);
        if (options.Queue.GatherWait < TimeSpan.Zero) throw Usage($"option gather-wait is {options.Queue.GatherWait}; give zero or more");
        if (!Enum.IsDefined(options.Truncation)) throw Usage($"option truncation is {options.Truncation}; give one of {string.Join(", ", Enum.GetNames(options.Truncation.GetType()))}");
        if (options.Compute is not (null or DType.F32 or DType.BF16 or DType.I8)) throw Usage($"option dtype is {options.Compute}; give F32, BF16, I8 or nothing");
    }

    private static void RequireAtLeast(string name, long value, long least)
    {
        if (value < least) throw Usage($"option {name} is {value}; give at least {least}");
    }

    /// <summary>Refuses what is not known of the reward model's scores.</summary>
    /// <exception cref="SparseRMException">Names what is missing.</exception>
    public static void Require(ScoreOptions options, RewardModel reward, ModelTokenizer? tokenizer)
    {
        if (!Enum.IsDefined(options.Priority)) throw Usage($"option priority is {options.Priority}; give interactive or bulk");
        if (!Enum.IsDefined(options.PerToken)) throw Usage($"option per-token is {options.PerToken}; give none, token, sentence or step");
        if (options.Explain < 0) throw Usage($"option explain is {options.Explain}; give the number of directions to show, or none");
        if (options.ExplainTokens < 0) throw Usage($"option explain-tokens is {options.ExplainTokens}; give the number of tokens to show with a direction");
        if (options.PerToken is PerToken.Sentence or PerToken.Step && tokenizer is null)
            throw Usage($"option per-token is {options.PerToken.ToString().ToLowerInvariant()}, but without a tokenizer it is not known where a sentence or step ends; ask for every token");
        if (options.Doubt) _ = reward.HasDoubt ? 0 : reward.Doubt(new float[reward.HeadCount]); // says which component has one head
        if (options.Novelty && reward.Components.FirstOrDefault(component => component.Novelty is null) is { } without)
            throw Usage($"component \"{without.Name}\" has no statistics of its training inputs, so that novelty is not known; fit it again");
        if (options.Aggregate is { } aggregate) _ = reward.Total(new float[reward.HeadCount], aggregate);
        if (options.Explain is not null && (options.Aggregate ?? reward.Aggregate) is var used && used != ScoreAggregate.Mean && reward.Components.Any(component => component.Heads.Count > 1))
            throw Usage($"an explanation is of the mean of the heads, but their aggregate is {used}; explain with the aggregate mean");
    }

    /// <summary>Refuses all that a call with one number for an answer has no place for.</summary>
    /// <param name="options">What was asked for; null for nothing.</param>
    /// <param name="call">Who gives the score alone.</param>
    /// <exception cref="SparseRMException">Something beside the score is asked for.</exception>
    public static void RequireScoreAlone(ScoreOptions? options, string call)
    {
        if (options is not null && options with { Priority = Priority.Interactive, Deadline = null, HereIfAlone = false, Aggregate = null } != new ScoreOptions())
            throw Usage($"{call} gives the score alone; ask ScoreAllAsync for doubt, novelty, tokens or explanations");
    }

    private static SparseRMException Usage(string problem) => new(ErrorKind.Usage, problem);
}
