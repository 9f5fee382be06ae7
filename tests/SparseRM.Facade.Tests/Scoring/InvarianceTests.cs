using CsCheck;
using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A score has the same bits in whatever company it is computed, with every set of kernels that this machine can run.</summary>
public sealed class InvarianceTests(FittedReward fitted, TinyReward tiny)
{
    private const int Arrangements = 1000;

    /// <summary>
    /// Prompts that begin alike for 3 to 24 tokens (the window of gemma2 is 16), answers of 1 to 5 tokens, prompts alone; some are means.
    /// </summary>
    private static readonly TokenSequence[] Texts = MakeTexts();

    public static TheoryData<string, DType> Variants
    {
        get
        {
            using var backend = BackendCatalog.Open("cpu", 1);
            var supported = Enum.GetValues<OpKind>().SelectMany(backend.Variants).Where(variant => variant.Supported);
            var names = supported.Select(variant => variant.Name).Distinct();
            return new(from name in names from compute in new[] { DType.F32, DType.BF16 } select (name, compute));
        }
    }

    [Theory, MemberData(nameof(Variants))]
    public void Has_the_same_bits_in_any_company_order_threads_and_batch_size(string variant, DType compute)
    {
        foreach (string family in TinyReward.Families)
        {
            int[] counts = [.. new[] { 1, 2, Environment.ProcessorCount, Environment.ProcessorCount + 1 }.Distinct()];
            var scorers = (from threads in counts
                           from tokens in new[] { 1, 20, 50, 2048 }
                           let options = World.Backbone with { Threads = threads, MaxBatchTokens = tokens, Compute = compute }
                           select tiny.Open(family, With(variant, options))).ToArray();
            try
            {
                float[] alone = [.. Texts.Select(text => scorers[0].ScoreBatch([text])[0])];
                Assert.True(alone.Distinct().Count() > Texts.Length * 2 / 3);
                Gen.Select(Gen.Int[0, Texts.Length - 1].Array[1, 8], Gen.Int[0, scorers.Length - 1]).Sample(
                    (arrangement, which) => TensorAssert.SameBits(
                        [.. arrangement.Select(i => alone[i])], scorers[which].ScoreBatch([.. arrangement.Select(i => Texts[i])])),
                    iter: family == TinyReward.Families[0] ? Arrangements : Arrangements / 10, threads: 1);
            }
            finally
            {
                foreach (var scorer in scorers) scorer.Dispose();
            }
        }
    }

    [Theory, MemberData(nameof(Variants))]
    public void A_group_that_shares_its_prompt_scores_like_each_answer_alone(string variant, DType compute)
    {
        using var scorer = tiny.Open("gemma2", With(variant, World.Backbone with { Compute = compute }));
        using var one = tiny.Open("gemma2", With(variant, World.Backbone with { Compute = compute, Threads = 1, MaxBatchTokens = 1, PrefixCacheBytes = 0 }));
        const string Prompt = "Which word is the opposite of late?";
        string[] answers = ["Early.", "The opposite of late is early.", "The opposite of late is buy.", "Early.", "", "e"];
        Gen.Select(Gen.Int[0, Prompt.Length], Gen.Int[0, answers.Length - 1].Array[0, 8]).Sample((length, chosen) =>
        {
            string prompt = Prompt[..length];
            string[] group = [.. chosen.Select(i => answers[i])];
            TensorAssert.SameBits([.. group.Select(answer => one.Score(prompt, answer))], scorer.ScoreGroup([new("user", prompt)], group));
        }, iter: 50, threads: 1);
    }

    [Fact]
    public void Scores_differ_between_dialogues_and_between_types()
    {
        Assert.True(fitted.Scores.Distinct().Count() > 30);
        Assert.NotEqual(fitted.Scores, fitted.ScoresF32);
    }

    [Theory]
    [InlineData(DType.BF16)]
    [InlineData(DType.F32)]
    public void Prompts_longer_than_the_sliding_window_score_the_same_shared_and_alone(DType compute)
    {
        // Beginnings of 20 to 240 tokens in common; the model's window is 64.
        var turns = Enumerable.Range(0, 12).Select(i => new Message(i % 2 == 0 ? "user" : "assistant", fitted.Dialogues[i][^1].Content + " The opposite of late is early."));
        IReadOnlyList<Message>[] dialogues = [.. from length in new[] { 2, 6, 8, 12 } from answer in new[] { "Early.", "The answer is buy.", "Early. Buy." }
            select (IReadOnlyList<Message>)[.. turns.Take(length), new("user", "Why?"), new("assistant", answer)]];
        using var one = fitted.Open(World.Backbone with { Threads = 1, MaxBatchTokens = 1, Compute = compute, PrefixCacheBytes = 0 });
        float[] alone = [.. dialogues.Select(one.Score)];
        Assert.True(one.Backbone.Encoder.Encode(dialogues[^1]).Ids.Length > 200);
        foreach (int tokens in (int[])[200, 1000, 2048])
        {
            using var scorer = fitted.Open(World.Backbone with { MaxBatchTokens = tokens, Compute = compute });
            TensorAssert.SameBits(alone, scorer.ScoreBatch([.. dialogues.Select(scorer.Encode)]));
            TensorAssert.SameBits(alone[3..6], scorer.ScoreBatch([.. dialogues[3..6].Select(scorer.Encode)]));
        }
    }

    [Fact]
    public void Scores_the_same_from_several_threads_at_once()
    {
        using var scorer = fitted.Open();
        var data = World.Pairs("test", 20);
        var evaluated = scorer.Evaluate(data).Pairs;
        Parallel.For(0, 48, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            int first = i * 7 % fitted.Dialogues.Count, second = i * 11 % fitted.Dialogues.Count;
            if (i % 12 == 0) Assert.Equal(evaluated, scorer.Evaluate(data).Pairs);
            else if (i % 12 == 1) Assert.Equal(fitted.Scores[first], scorer.Explain(fitted.Dialogues[first]).Parts.Score, 1e-5);
            else TensorAssert.SameBits([fitted.Scores[first], fitted.Scores[second]],
                scorer.ScoreBatch([scorer.Encode(fitted.Dialogues[first]), scorer.Encode(fitted.Dialogues[second])]));
        });
    }

    [Fact]
    public void Scores_of_the_fit_are_those_of_the_saved_file()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("test", 20));
        TensorAssert.SameBits(fitted.Scores, trainer.Scores(fitted.Result.Reward, states));
    }

    private static TokenSequence[] MakeTexts()
    {
        var random = new Random(1);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(256))];
        int[] longest = Tokens(24);
        var texts = new List<TokenSequence>();
        foreach (int shared in new[] { 0, 3, 9, 17, 24 })
        {
            int[] prompt = longest[..shared];
            if (shared > 0) texts.Add(new(prompt, ReadOut.At(shared - 1)));
            for (int answer = 1; answer <= 5; answer++)
            {
                int[] ids = [.. prompt, .. Tokens(answer)];
                texts.Add(new(ids, answer == 5 ? ReadOut.Mean(ids.Length / 2, ids.Length) : ReadOut.At(ids.Length - 1)));
            }
        }
        return [.. texts];
    }

    private static BackboneOptions With(string variant, BackboneOptions options)
    {
        using var backend = BackendCatalog.Open("cpu", 1);
        return options with
        {
            Variants = Enum.GetValues<OpKind>().Where(op => backend.Variants(op).Any(has => has.Name == variant && has.Supported))
                .ToDictionary(op => op, op => backend.Computing(op, variant, options.Compute!.Value)),
        };
    }
}
