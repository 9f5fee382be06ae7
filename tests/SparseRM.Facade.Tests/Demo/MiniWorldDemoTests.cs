using System.Text.Json;
using SparseRM.Data.Evaluation;
using SparseRM.Demo;
using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Demo;

/// <summary>The demo finds what the reference run (PyTorch, the whole method) found.</summary>
public sealed class MiniWorldDemoTests(DemoRun run) : IClassFixture<DemoRun>
{
    private static readonly JsonElement s_reference = JsonDocument.Parse(File.ReadAllText(SharedData.MiniWorld("reference.json"))).RootElement;

    [Theory]
    [InlineData("top-K directions", "top-K projection|jumprelu|layer 4|truthfulness|K 32")]
    [InlineData("SAE activations", "SAE activations|jumprelu|layer 4|truthfulness|K 32")]
    [InlineData("random directions", "random directions|jumprelu|layer 4|truthfulness|K 32")]
    [InlineData("dense state", "dense|jumprelu|layer 4|truthfulness|K 32")]
    public void Accuracies_are_within_two_standard_errors_of_the_reference(string input, string key)
    {
        const double TwoStandardErrors = 1.8;
        var row = run.Result.Rows.Single(row => row.Input == input);
        var reference = s_reference.GetProperty("accuracy_test_shift_percent").GetProperty(key);
        Assert.Equal((32, 1000, input == "random directions" ? MiniWorldDemo.RandomDraws : 1), (row.K, row.Pairs, row.Test.Count));
        Assert.All(row.Test.Concat(row.Shift), count => Assert.Equal(400, count.Total));
        Assert.Equal(reference[0].GetDouble(), Percent(row.Test), TwoStandardErrors);
        Assert.Equal(reference[1].GetDouble(), Percent(row.Shift), TwoStandardErrors);
    }

    [Theory]
    [InlineData("positive", 1, 1892)]
    [InlineData("negative", -1, 1924)]
    public void Leading_latents_and_their_counts_are_the_references(string side, int sign, int leader)
    {
        var found = run.Result.Fit.Reward.Input.Latents.Where(latent => latent.Sign == sign).ToArray();
        Assert.Equal(leader, found[0].Latent);
        var reference = s_reference.GetProperty("top_latents_on_1000_training_pairs").GetProperty("jumprelu|truthfulness").GetProperty(side);
        foreach (var expected in reference.EnumerateArray())
        {
            var latent = found.Single(latent => latent.Latent == expected.GetProperty("latent").GetInt32());
            Assert.Equal(expected.GetProperty("chosen").GetInt32(), latent.ChosenCount, 2.0);
            Assert.Equal(expected.GetProperty("rejected").GetInt32(), latent.RejectedCount, 2.0);
        }
    }

    [Fact]
    public void One_direction_a_side_from_32_pairs_keeps_95_percent()
    {
        var (top, random) = (run.Result.FewPairs[0], run.Result.FewPairs[1]);
        Assert.Equal((1, 32, 1, 32), (top.K, top.Pairs, random.K, random.Pairs));
        Assert.InRange(Percent(top.Test), 95, 100);
        Assert.InRange(Percent(top.Shift), 95, 100);
        Assert.Equal(MiniWorldDemo.RandomDraws, random.Test.Count);
        Assert.True(Percent(random.Test) < Percent(top.Test));
    }

    [Fact]
    public void The_example_prefers_the_right_answer_and_its_shares_add_up()
    {
        var example = run.Result.Example;
        Assert.True(example.Right.Explanation.Score > example.Wrong.Explanation.Score);
        foreach (var answer in new[] { example.Right, example.Wrong })
        {
            var parts = answer.Explanation.Parts;
            Assert.Equal(answer.Explanation.Score, parts.Score, 1e-5);
            Assert.Equal(parts.Score - parts.MeanScore, parts.Shares.Sum(share => share.Share), 1e-4);
            // The last token's is the answer's own score, and its projections are those that were scored.
            Assert.Equal(answer.Explanation.Score, answer.Tokens[^1].Score);
            foreach (var (i, latent) in example.Latents.Index())
                Assert.Equal(parts.Shares.Single(share => share.Latent == latent).Value, answer.Tokens[^1].Values[i], 1e-6);
        }
    }

    /// <summary>What makes the wrong answer wrong is one word: the score falls there, and what the leading latents read is turned round.</summary>
    [Fact]
    public void The_wrong_word_shows()
    {
        var example = run.Result.Example;
        var (right, wrong) = (example.Right.Tokens[0], example.Wrong.Tokens[0]);
        Assert.Equal(("Three", "Seventeen"), (right.Text, wrong.Text));
        Assert.True(right.Score > wrong.Score + 1, $"{right.Score} and {wrong.Score}");
        Assert.Equal([1892, 841, 1924, 427], example.Latents.Select(latent => latent.Latent));
        Assert.True(example.Right.Tokens[^1].Values[0] > example.Wrong.Tokens[^1].Values[0]);  // 1892 prefers chosen answers
        Assert.True(example.Right.Tokens[^1].Values[2] < example.Wrong.Tokens[^1].Values[2]);  // 1924 rejected ones
    }

    [Fact]
    public void Warns_of_sides_with_fewer_latents_and_reports_its_stages()
    {
        var latents = run.Result.Fit.Reward.Input.Latents;
        int warned = new[] { 1, -1 }.Count(sign => latents.Count(latent => latent.Sign == sign) < 32);
        Assert.Equal(warned, run.Result.Fit.Warnings.Count);
        Assert.Equal(1000, run.Result.TrainingItems);
        string[] stages = ["loading blocks", "reading states", "encoding states", "training the head", "random directions"];
        Assert.Superset(stages.ToHashSet(), DemoRun.Stages);
        Assert.Equal(HeadInputKind.Projection, run.Result.Fit.Reward.Input.Kind);
    }

    private static double Percent(IReadOnlyList<AccuracyCount> counts) => 100 * counts.Average(count => count.Accuracy);
}
