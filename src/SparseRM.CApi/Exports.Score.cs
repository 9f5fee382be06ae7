using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SparseRM.Scoring;

namespace SparseRM.CApi;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_score", CallConvs = [typeof(CallConvCdecl)])]
    public static int Score(nint reward, byte* prompt, long promptLength, byte* answer, long answerLength, float* score)
    {
        try
        {
            Reading.Require(score, "the place for the score");
            *score = float.NaN;
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            var (asked, said) = (new NativeText { Data = prompt, Length = promptLength }, new NativeText { Data = answer, Length = answerLength });
            HeapBudget.Require(asked, said);
            *score = scorer.Value.Score(Reading.Text(asked, "the prompt"), Reading.Text(said, "the answer"));
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_score_batch", CallConvs = [typeof(CallConvCdecl)])]
    public static int ScoreBatch(nint reward, NativeInput* inputs, long count, NativeScoreOptions* options, NativeResult* results)
    {
        try
        {
            var places = Results(results, count);
            var given = Inputs.All(inputs, count);
            var wanted = CallOptions(options);
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            using var call = CallScope.Of(options);
            var batch = new BatchScores(scorer.Value, wanted, given);
            batch.Run(call.Progress, call.Token);
            batch.WriteTo(places);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_score_async", CallConvs = [typeof(CallConvCdecl)])]
    public static int ScoreAsync(
        nint reward, NativeInput* inputs, long count, NativeScoreOptions* options, delegate* unmanaged[Cdecl]<void*, int, NativeResult*, long, void> done, void* user)
    {
        try
        {
            Reading.Require(done, "the completion callback");
            var given = Inputs.All(inputs, count);
            var wanted = CallOptions(options);
            var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            var call = default(CallScope);
            try
            {
                call = CallScope.Of(options);
                var batch = new BatchScores(scorer.Value, wanted, given);
                _ = Complete(batch.RunAsync(call.Progress, call.Token), new Completion(done, user), batch, scorer, call);
                return 0;
            }
            catch
            {
                call.Dispose();
                scorer.Dispose();
                throw;
            }
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_score_group", CallConvs = [typeof(CallConvCdecl)])]
    public static int ScoreGroup(
        nint reward, NativeMessage* prompt, long messages, NativeText* answers, long count, NativeScoreOptions* options, NativeResult* results)
    {
        try
        {
            var places = Results(results, count);
            var texts = Reading.Span(answers, count, "the array of answers");
            var wanted = CallOptions(options);
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            using var call = CallScope.Of(options);
            HeapBudget.Require(prompt, messages);
            var dialogue = Inputs.Messages(prompt, messages);
            HeapBudget.Require(dialogue, texts);
            var batch = new BatchScores(scorer.Value, wanted, dialogue, texts);
            batch.Run(call.Progress, call.Token);
            batch.WriteTo(places);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_score_tokens", CallConvs = [typeof(CallConvCdecl)])]
    public static int ScoreTokens(
        nint reward, NativeInput* input, int unit, NativeScoreOptions* options, float* scores, int* positions, long capacity, long* count)
    {
        try
        {
            Reading.Require(count, "the place for the count");
            *count = 0;
            Reading.RequireSize<NativeInput>(input, "srm_input");
            if (unit is < (int)PerToken.Token or > (int)PerToken.Step)
                throw new CallException(Status.Usage, $"the unit is {unit}; give SRM_EACH_TOKEN (1), SRM_EACH_SENTENCE (2) or SRM_EACH_STEP (3)");
            var wanted = OptionsOfOne(options) with { PerToken = (PerToken)unit };
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            using var call = CallScope.Of(options);
            var result = Running.Score(scorer.Value, [Inputs.EncodeAlone(scorer.Value.Backbone.Encoder, *input)], wanted, 1, call.Progress, call.Token)[0];
            if (result.Error is { } error) return LastError.Set(error);
            var tokens = result.TokenScores;
            *count = tokens.Count;
            if (positions is not null) Reading.Write<int>([.. tokens.Select(token => token.Position)], positions, capacity, "the array of positions");
            Reading.Write<float>([.. tokens.Select(token => token.Score)], scores, capacity, "the array of scores");
            return 0;
        }
        catch (Exception failure)
        {
            return LastError.Set(failure);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_explain", CallConvs = [typeof(CallConvCdecl)])]
    public static int Explain(
        nint reward, NativeInput* input, int directions, int tokens, NativeScoreOptions* options, byte* buffer, long capacity, long* needed)
    {
        try
        {
            Reading.RequireSize<NativeInput>(input, "srm_input");
            if (directions < 0 || tokens < 0) throw new CallException(Status.Usage, $"{directions} directions with {tokens} tokens each were asked for; give 0 or more");
            var wanted = OptionsOfOne(options) with { Explain = directions, ExplainTokens = tokens };
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            using var call = CallScope.Of(options);
            var result = Running.Score(scorer.Value, [Inputs.EncodeAlone(scorer.Value.Backbone.Encoder, *input)], wanted, 1, call.Progress, call.Token)[0];
            if (result.Error is { } error) return LastError.Set(error);
            Reading.Write(Json.Of(result.Explanation!), buffer, capacity, needed);
            return 0;
        }
        catch (Exception failure)
        {
            return LastError.Set(failure);
        }
    }

    private static readonly ScoreOptions s_defaults = new() { Priority = Priority.Bulk };

    /// <summary>The places for results, each marked as not scored.</summary>
    private static Span<NativeResult> Results(NativeResult* results, long count)
    {
        var places = Reading.Span(results, count, "the array of results");
        for (int i = 0; i < places.Length; i++) Reading.RequireSize<NativeResult>(results + i, "srm_result");
        foreach (ref var place in places) BatchScores.Clear(ref place);
        return places;
    }

    /// <summary>The same where one input has several numbers, none of which is a doubt or a novelty.</summary>
    private static ScoreOptions OptionsOfOne(NativeScoreOptions* options)
    {
        var wanted = CallOptions(options);
        if (!wanted.Doubt && !wanted.Novelty) return wanted;
        throw new CallException(Status.Usage, "the options doubt and novelty are for whole inputs; ask srm_score_batch for them");
    }

    private static ScoreOptions CallOptions(NativeScoreOptions* options)
    {
        if (options is null) return s_defaults;
        Reading.RequireSize<NativeScoreOptions>(options, "srm_score_options");
        double ms = options->DeadlineMs;
        if (!(ms >= 0 && ms < int.MaxValue)) throw new CallException(Status.Usage, $"the option deadline_ms is {ms}; give 0 for none or milliseconds up to {int.MaxValue}");
        return new ScoreOptions
        {
            Priority = options->Priority switch
            {
                0 => Priority.Bulk,
                1 => Priority.Interactive,
                _ => throw new CallException(Status.Usage, $"the option priority is {options->Priority}; give 0 (bulk) or 1 (interactive)"),
            },
            // One that is shorter than the clock's step is over at once.
            Deadline = ms == 0 ? null : TimeSpan.FromTicks((long)(ms * TimeSpan.TicksPerMillisecond)),
            Aggregate = Reading.OptionalText(options->Aggregate, "the option aggregate") is { } aggregate ? ScoreAggregate.Parse(aggregate) : null,
            Doubt = options->Doubt != 0,
            Novelty = options->Novelty != 0,
        };
    }
}
