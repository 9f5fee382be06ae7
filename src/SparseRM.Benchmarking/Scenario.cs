using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Fitting;
using SparseRM.Models;

namespace SparseRM.Benchmarking;

/// <summary>One way in which scores are asked for.</summary>
/// <param name="Name">For programs.</param>
/// <param name="What">For people.</param>
/// <param name="Sequences">What one call scores.</param>
internal sealed record Scenario(string Name, string What, IReadOnlyList<TokenSequence> Sequences)
{
    private const int GroupAnswers = 16;

    /// <summary>One sequence alone.</summary>
    public static Scenario Single(BenchModel model, BenchOptions options) =>
        Distinct("single", 1, model, options, 1, model.Tokens(options));

    /// <summary>A sequence of an eighth of the length: what is paid for each call.</summary>
    public static Scenario Short(BenchModel model, BenchOptions options) =>
        Distinct("short", 2, model, options, 1, Math.Max(1, model.Tokens(options) / 8));

    /// <summary>Many at once: the training texts of MiniWorld, what is asked for, or eight of a quarter of the length.</summary>
    public static Scenario Batch(BenchModel model, BenchOptions options, Backbone backbone)
    {
        if (options.Batch is { } batch) return Distinct("batch", 3, model, options, batch, model.Tokens(options));
        return model.IsMiniWorld ? TrainingTexts(backbone) : Distinct("batch", 3, model, options, 8, Math.Max(1, model.Tokens(options) / 4));
    }

    /// <summary>Sixteen answers of a quarter of the length to one prompt of the whole length.</summary>
    public static Scenario Group(BenchModel model, BenchOptions options)
    {
        int prompt = model.Tokens(options), answer = Math.Max(1, prompt / 4);
        var random = new SeededRandom(options.Seed, 4);
        int[] shared = Ids(random, model, prompt);
        return new Scenario("group", $"{GroupAnswers} answers of {answer} tokens to one prompt of {prompt}",
            [.. Enumerable.Range(0, GroupAnswers).Select(_ => Sequence([.. shared, .. Ids(random, model, answer)]))]);
    }

    private static Scenario Distinct(string name, long stream, BenchModel model, BenchOptions options, int count, int tokens)
    {
        var random = new SeededRandom(options.Seed, stream);
        return new Scenario(name, $"{count} x {tokens} tokens", [.. Enumerable.Range(0, count).Select(_ => Sequence(Ids(random, model, tokens)))]);
    }

    private static Scenario TrainingTexts(Backbone backbone)
    {
        var data = PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "train"));
        var texts = Completions.Of(backbone.Encoder, ReadOutPosition.Last, data).Sequences;
        return new Scenario("batch", $"{texts.Count} training texts", texts);
    }

    private static int[] Ids(SeededRandom random, BenchModel model, int count)
    {
        var ids = new int[count];
        foreach (ref int id in ids.AsSpan()) id = random.NextInt(model.Config.DVocab);
        return ids;
    }

    private static TokenSequence Sequence(int[] ids) => new(ids, ReadOut.At(ids.Length - 1));
}
