using System.Text.Json;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Alignment;
using SparseRM.Research.Latents;
using SparseRM.Research.Vocabulary;
using SparseRM.Text;

namespace SparseRM.Research.Tests;

/// <summary>A round of alignment on answers that MiniWorld itself makes up, all of its blocks and its tied head at work.</summary>
public sealed class RoundTests(World world) : IDisposable
{
    private const int Samples = 4, MostTokens = 14, Candidates = 12, LastLayer = 5;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_reward_ranks_the_model_s_own_answers_and_the_pairs_it_makes_pass_its_own_filter()
    {
        var data = World.Pairs("test", 32);
        var fit = world.Trainer.Fit(world.Trainer.ReadStates(World.Pairs("train", 100)), new FitOptions { K = 8, Training = World.Training });
        using var scorer = world.Trainer.Backbone.Attach(fit.Reward);
        string scored = _folder.File("scored.jsonl"), pairs = _folder.File("pairs.jsonl");
        string[] prompts = [.. data.Items.Select(item => item.Prompt[0].Content!).Distinct()];
        var samples = Sample(prompts);
        File.WriteAllLines(scored, prompts.Select((prompt, i) => JsonSerializer.Serialize(new { prompt, responses = samples[i], scores = scorer.ScoreGroup([new Message("user", prompt)], samples[i]) })));
        PairCounts made;
        using (var stream = File.Create(pairs)) made = PairMaker.Write(scored, 0, stream);
        Assert.InRange(made.Written, prompts.Length / 2, prompts.Length);
        var kept = new PairFilter(scorer, new FilterOptions()).Write(pairs, PreferenceFile.Stream(pairs), Stream.Null);
        Assert.Equal((made.Written, made.Written, 0), (kept.Pairs, kept.Kept, kept.Reversed));
        Assert.Equal(made.MeanMargin, kept.MeanMargin, 5);
        // What the reward prefers among the model's own answers is the truth more often than what it likes least: the word that tells right from wrong is known from the data.
        var right = data.Items.DistinctBy(item => item.Prompt[0].Content).ToDictionary(item => item.Prompt[0].Content!, item =>
            Words(item.Chosen[0][0].Content!).Except(Words(item.Rejected[0][0].Content!)).ToHashSet());
        var items = PreferenceFile.Read(pairs).Items;
        int best = items.Count(item => Words(item.Chosen[0][0].Content!).Any(right[item.Prompt[0].Content!].Contains)),
            worst = items.Count(item => Words(item.Rejected[0][0].Content!).Any(right[item.Prompt[0].Content!].Contains));
        Assert.True(best > worst, $"{best} of {items.Count} best answers are true, {worst} of the worst");
    }

    private static string[] Words(string text) => text.Split([' ', '.', ',', '?'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Some answers to each prompt, token by token from the head's most likely ones at a high temperature, so that some are wrong.</summary>
    private string[][] Sample(string[] prompts)
    {
        using var policy = Backbone.Open(World.Backbone, LastLayer);
        var head = Unembedding.Open(World.Backbone.Model, out _)!;
        var tokenizer = policy.Tokenizer!;
        int end = tokenizer.Encode("<end_of_turn>", addBos: false)[^1], width = policy.DModel;
        var begun = prompts.SelectMany(prompt => Enumerable.Repeat(tokenizer.Encode($"<start_of_turn>user\n{prompt}<end_of_turn>\n<start_of_turn>model\n"), Samples)).Select(ids => ids.ToList()).ToArray();
        int[] starts = [.. begun.Select(ids => ids.Count)];
        var random = new SeededRandom(11);
        for (int step = 0; step < MostTokens; step++)
        {
            int[] open = [.. Enumerable.Range(0, begun.Length).Where(i => begun[i][^1] != end)];
            if (open.Length == 0) break;
            float[] states = policy.ReadStates([.. open.Select(i => new TokenSequence(begun[i].ToArray(), ReadOut.At(begun[i].Count - 1)))], LastLayer);
            for (int row = 0; row < open.Length; row++)
            {
                // The final norm: over the root mean square; its weight is folded into the head.
                var state = states.AsSpan(row * width, width);
                double square = 0;
                foreach (float value in state) square += (double)value * value;
                float scale = (float)(1 / Math.Sqrt((square / width) + policy.Config.RmsNormEps));
                foreach (ref float value in state) value *= scale;
            }
            var candidates = head.Promoted(states, Candidates, default);
            for (int row = 0; row < open.Length; row++) begun[open[row]].Add(Draw(candidates[row], random));
        }
        return [.. begun.Select((ids, i) => string.Concat(ids.Skip(starts[i]).TakeWhile(id => id != end).Select(tokenizer.TokenText))).Select(text =>
            text.Trim() is { Length: > 0 } answer ? answer : "...").Chunk(Samples)];
    }

    // softmax of the soft-capped logits (30 tanh(l / 30), as Gemma-2 has it) at temperature 1.5.
    private static int Draw(PromotedToken[] tokens, SeededRandom random)
    {
        double[] weights = [.. tokens.Select(token => Math.Exp((Cap(token.Logit) - Cap(tokens[0].Logit)) / 1.5))];
        double at = random.NextDouble() * weights.Sum();
        for (int i = 0; i < tokens.Length; i++)
            if ((at -= weights[i]) < 0) return tokens[i].Token;
        return tokens[^1].Token;

        static double Cap(double logit) => 30 * Math.Tanh(logit / 30);
    }
}
