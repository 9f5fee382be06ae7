using SparseRM.Research.Maps;
using SparseRM.Research.Reports;

namespace SparseRM.Research.Tests;

public sealed class MapTests(World world)
{
    private static readonly MapOptions s_options = new() { K = 4, Points = 80, Perplexity = 10, Threads = 2 };

    [Fact]
    public void Both_spaces_have_maps_that_no_number_of_threads_changes()
    {
        var result = MapStudy.Run(world.Trainer, World.Pairs("test", 60), null, s_options);
        Assert.Equal(80, result.Points.Count);
        Assert.Equal(40, result.Points.Count(point => point.IsChosen));
        Assert.Contains(result.Notes, note => note.StartsWith("40 of 60 items are shown", StringComparison.Ordinal));
        Assert.Contains(result.Notes, note => note.Contains("flatters", StringComparison.Ordinal));
        Assert.Equal([8, world.Trainer.Backbone.DModel], result.Spaces.Select(space => space.Width));
        // Directions that were chosen for it separate truth from falsehood, and their columns are few.
        Assert.InRange(result.Spaces[0].Silhouette, result.Spaces[1].Silhouette, 1);
        Assert.All(result.Spaces, space => Assert.InRange(space.Probe!.Value.Accuracy, 0.7, 1));
        var alone = MapStudy.Run(world.Trainer, World.Pairs("test", 60), null, s_options with { Threads = 1 });
        foreach (var (two, one) in result.Spaces.Zip(alone.Spaces))
        {
            Assert.Equal(two.TSne, one.TSne);
            Assert.Equal(two.Principal, one.Principal);
            Assert.Equal((two.Divergence, two.Trustworthiness, two.Silhouette, two.Probe), (one.Divergence, one.Trustworthiness, one.Silhouette, one.Probe));
        }
    }

    [Fact]
    public void The_directions_of_a_reward_model_are_the_projected_space()
    {
        var states = world.Trainer.ReadStates(World.Pairs("train", 60));
        var projection = world.Trainer.Fit(states, new FitOptions { K = 2, Training = World.Training }).Reward;
        var result = MapStudy.Run(world.Trainer, World.Pairs("test", 20), ("r", projection), s_options);
        Assert.Equal(4, result.Spaces[0].Width);
        Assert.Empty(result.Notes);
        Assert.Contains("40 answers", MapPage.Summary(result));
        var dense = world.Trainer.Fit(states, new FitOptions { Input = Scoring.HeadInputKind.Dense, Training = World.Training }).Reward;
        World.Refuses(() => MapStudy.Run(world.Trainer, World.Pairs("test", 20), ("r", dense), s_options), "r: its head", "input projection");
        World.Refuses(() => MapStudy.Run(world.Trainer, World.Pairs("test", 10), null, s_options), "20 answers are too few", "more than 30");
    }

    [Fact]
    public void A_probe_sees_a_side_that_a_plane_divides_and_none_where_there_is_none()
    {
        var random = new Fitting.SeededRandom(3);
        float[] values = [.. Enumerable.Range(0, 400).Select(_ => (float)random.NextGaussian())];
        bool[] sides = [.. Enumerable.Range(0, 200).Select(i => values[2 * i] - values[(2 * i) + 1] > 0.5f)], coins = [.. Enumerable.Range(0, 200).Select(_ => random.NextDouble() < 0.5)];
        string[] prompts = [.. Enumerable.Range(0, 200).Select(i => $"{i / 2}")];
        Assert.InRange(Separation.ProbeCorrect(values, 2, sides, prompts, new())!.Value, 190, 200);
        Assert.InRange(Separation.ProbeCorrect(values, 2, coins, prompts, new())!.Value, 70, 130);
        Assert.Null(Separation.ProbeCorrect(values, 2, sides, [.. prompts.Select(_ => "one")], new()));
    }
}
