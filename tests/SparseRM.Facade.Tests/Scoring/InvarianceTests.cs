using CsCheck;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A score has the same bits in whatever company it is computed.</summary>
public sealed class InvarianceTests(FittedReward fitted)
{
    [Theory]
    [InlineData(DType.BF16)]
    [InlineData(DType.F32)]
    public void Has_the_same_bits_in_any_batch_order_threads_and_batch_size(DType compute)
    {
        float[] alone = compute == DType.F32 ? fitted.ScoresF32 : fitted.Scores;
        var scorers = (from threads in new[] { 1, 2 } from tokens in new[] { 1, 64, 2048 } select (threads, tokens))
            .Select(s => fitted.Open(World.Reader with { Threads = s.threads, MaxBatchTokens = s.tokens, Compute = compute })).ToArray();
        try
        {
            Gen.Select(Gen.Int[0, fitted.Dialogues.Count - 1].Array[1, 12], Gen.Int[0, scorers.Length - 1]).Sample((arrangement, which) =>
            {
                var encoder = scorers[which].Reader.Encoder;
                float[] scores = scorers[which].ScoreBatch([.. arrangement.Select(i => encoder.Encode(fitted.Dialogues[i]))]);
                TensorAssert.SameBits([.. arrangement.Select(i => alone[i])], scores);
            }, iter: 150, threads: 1);
        }
        finally
        {
            foreach (var scorer in scorers) scorer.Dispose();
        }
    }

    [Fact]
    public void Scores_differ_between_dialogues_and_between_types()
    {
        Assert.True(fitted.Scores.Distinct().Count() > 30);
        Assert.NotEqual(fitted.Scores, fitted.ScoresF32);
    }

    [Fact]
    public void A_group_that_shares_its_prompt_scores_like_each_answer_alone()
    {
        using var scorer = fitted.Open();
        const string Prompt = "Which word is the opposite of late?";
        string[] answers = ["Early.", "The opposite of late is early.", "The opposite of late is buy.", "Early.", "", "e"];
        float[] group = scorer.ScoreGroup([new("user", Prompt)], answers);
        TensorAssert.SameBits([.. answers.Select(answer => scorer.Score(Prompt, answer))], group);
        Assert.Empty(scorer.ScoreGroup([new("user", Prompt)], []));
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
        using var one = fitted.Open(World.Reader with { Threads = 1, MaxBatchTokens = 1, Compute = compute });
        float[] alone = [.. dialogues.Select(one.Score)];
        Assert.True(one.Reader.Encoder.Encode(dialogues[^1]).Ids.Length > 200);
        foreach (int tokens in (int[])[200, 1000, 2048])
        {
            using var scorer = fitted.Open(World.Reader with { MaxBatchTokens = tokens, Compute = compute });
            TensorAssert.SameBits(alone, scorer.ScoreBatch([.. dialogues.Select(scorer.Reader.Encoder.Encode)]));
            TensorAssert.SameBits(alone[3..6], scorer.ScoreBatch([.. dialogues[3..6].Select(scorer.Reader.Encoder.Encode)]));
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
            var encoder = scorer.Reader.Encoder;
            if (i % 12 == 0) Assert.Equal(evaluated, scorer.Evaluate(data).Pairs);
            else if (i % 12 == 1) Assert.Equal(fitted.Scores[first], scorer.Explain(fitted.Dialogues[first]).Parts.Score, 1e-5);
            else TensorAssert.SameBits([fitted.Scores[first], fitted.Scores[second]],
                scorer.ScoreBatch([encoder.Encode(fitted.Dialogues[first]), encoder.Encode(fitted.Dialogues[second])]));
        });
    }

    [Fact]
    public void Scores_of_the_fit_are_those_of_the_saved_file()
    {
        using var trainer = RewardTrainer.Open(World.Fit);
        var states = trainer.ReadStates(World.Pairs("test", 20));
        TensorAssert.SameBits(fitted.Scores, trainer.Scores(fitted.Result.Reward, states));
    }
}
