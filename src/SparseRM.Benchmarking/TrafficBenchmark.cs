using System.Diagnostics;
using SparseRM.Fitting;
using SparseRM.Models;

namespace SparseRM.Benchmarking;

/// <summary>What <see cref="TrafficBenchmark"/> found.</summary>
/// <param name="Model">What ran.</param>
/// <param name="Tokens">Tokens of a text.</param>
/// <param name="Single">Seconds of one text alone, texts that differ.</param>
/// <param name="BatchTokensPerSecond">Tokens a second of the same texts in one call.</param>
/// <param name="Callers">Callers at once, each with one text after the other.</param>
/// <param name="CallersTokensPerSecond">Their tokens a second, together.</param>
/// <param name="Append">Seconds from one token appended to a session to its score.</param>
/// <param name="PromptTokens">Tokens of a prompt that was seen before.</param>
/// <param name="AnswerTokens">Tokens of an answer to it.</param>
/// <param name="Answer">Seconds of one answer to the known prompt.</param>
/// <param name="AnswerInBatch">Seconds that such an answer costs in a batch of 16 to one prompt, the prompt's own time taken off.</param>
public sealed record TrafficResult(
    BenchModel Model, int Tokens, Timings Single, double BatchTokensPerSecond, int Callers, double CallersTokensPerSecond, Timings Append,
    int PromptTokens, int AnswerTokens, Timings Answer, double AnswerInBatch);

/// <summary>Times what a training loop does: single texts from many callers, tokens appended to a text, answers to a prompt that was seen before.</summary>
public static class TrafficBenchmark
{
    // Texts that each caller scores: what starts and ends a run is little beside them.
    private const int EachCaller = 32;
    private const int Texts = 256, Group = 16;

    /// <summary>Measures.</summary>
    /// <param name="options">The model and how it runs; the last of the numbers of threads is taken.</param>
    /// <param name="callers">Callers at once.</param>
    /// <param name="progress">Told of each stage.</param>
    /// <param name="cancel">Checked between calls.</param>
    /// <exception cref="Errors.SparseRMException">The model or the backend is not available, or the model is smaller than what is asked for.</exception>
    public static TrafficResult Run(BenchOptions options, int callers = 64, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var model = BenchModel.Of(options);
        int tokens = model.Tokens(options), prompt = Math.Min(512, model.Config.NCtx / 2), answer = Math.Min(32, model.Config.NCtx / 4);
        using var backbone = model.Open(options, options.Threads[^1], progress, cancel, BackboneOptions.DefaultPrefixCacheBytes);
        using var scorer = backbone.Attach(RandomReward.For(backbone, model.Blocks - 1, options.Seed));
        var random = new SeededRandom(options.Seed, 6);
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextInt(model.Config.DVocab))];
        TokenSequence Text(params int[] ids) => new(ids, ReadOut.At(ids.Length - 1));
        // As many texts as take about a second together.
        var texts = Enumerable.Range(0, Texts).Select(_ => Text(Ids(tokens))).ToArray();
        long start = Stopwatch.GetTimestamp();
        scorer.ScoreBatch(texts[..1]);
        int count = Math.Clamp((int)(2 / Stopwatch.GetElapsedTime(start).TotalSeconds), Math.Min(callers, 16), Texts);
        texts = texts[..count];
        double seconds = options.Quick ? 0.5 : 3;

        int next = 0;
        var single = Time("one text", () => scorer.ScoreBatch([texts[next++ % count]]));
        var batch = Time("one batch", () => scorer.ScoreBatch(texts));
        // A text that takes long is scored often enough by one caller alone.
        int calls = count == Texts ? callers * EachCaller : count;
        using var crowd = new Callers(callers, i => scorer.ScoreBatch([texts[i % count]]));
        var many = Time($"{callers} callers", () => crowd.Run(calls));
        var append = Append();
        var (known, inBatch) = Answers();
        return new TrafficResult(
            model, tokens, single, count * tokens / batch.Median, callers, (long)calls * tokens / many.Median, append, prompt, answer, known, inBatch);

        Timings Time(string what, Action call)
        {
            call();
            return Timings.Of(call, new Budget(seconds, 3, options.Runs), (done, total) => progress?.Report(new WorkProgress(what, done, total)), cancel);
        }

        Timings Append()
        {
            using var session = scorer.OpenSession(Ids(tokens));
            session.Score();
            int left = Math.Min(400, model.Config.NCtx - tokens - 8);
            return Timings.Of(() =>
            {
                session.Append(random.NextInt(model.Config.DVocab));
                session.Score();
            }, new Budget(seconds, 3, Math.Min(left, options.Runs ?? left)), (done, total) => progress?.Report(new WorkProgress("tokens appended", done, total)), cancel);
        }

        (Timings Known, double InBatch) Answers()
        {
            int[] shared = Ids(prompt);
            var alone = Time("prompt", () => scorer.ScoreBatch([Text(shared)]));
            var group = Time("answers in a batch", () => scorer.ScoreBatch([.. Enumerable.Range(0, Group).Select(_ => Text([.. shared, .. Ids(answer)]))]));
            scorer.ScoreIds(shared);
            var known = Time("answers to a known prompt", () => scorer.ScoreIds([.. shared, .. Ids(answer)]));
            return (known, (group.Median - alone.Median) / Group);
        }
    }
}
