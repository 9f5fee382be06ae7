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
    public void The_example_prefers_the_right_answer_and_says_why()
    {
        var example = run.Result.Example;
        Assert.True(example.RightScore > example.WrongScore);
        var parts = example.Explanation.Parts;
        Assert.Equal(example.WrongScore, parts.Score, 1e-5);
        Assert.Equal(parts.Score - parts.MeanScore, parts.Shares.Sum(share => share.Share), 1e-4);
        Assert.Equal(6, example.Explanation.Top.Count);
        Assert.All(example.Explanation.Top, direction => Assert.NotEmpty(direction.Tokens));
        Assert.All(example.Explanation.Top, direction => Assert.Contains(direction.Share.Latent!.Value, run.Result.Fit.Reward.Input.Latents));
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
