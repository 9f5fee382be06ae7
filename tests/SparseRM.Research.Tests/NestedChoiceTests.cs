using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Choosing;
using SparseRM.Scoring;

namespace SparseRM.Research.Tests;

public sealed class NestedChoiceTests(World world)
{
    private static readonly ChoiceOptions s_options = new() { Saes = [World.Sae], Ks = [4, 1], Training = World.Training with { MaxEpochs = 4 }, OuterFolds = 3, InnerFolds = 2 };

    [Fact]
    public void Chooses_the_setting_that_does_best_on_the_inner_folds_and_tells_the_outer_accuracy()
    {
        var found = Run(s_options);
        Assert.Equal(new int?[] { 1, 4 }, found.Tried.Select(tried => tried.Setting.K));
        Assert.Equal(found.Tried.MaxBy(tried => tried.Correct)!.Setting, found.Setting);
        Assert.Equal((3, 2, 60), (found.Choice.OuterFolds, found.Choice.InnerFolds, found.Choice.Total));
        Assert.Equal("1,4 4", $"{string.Join(',', found.Choice.Ks)} {string.Join(',', found.Choice.Layers)}");
        // Its states are those of a trainer of that layer.
        var (own, options) = (world.Trainer.ReadStates(World.Pairs("train", 60)), new FitOptions { K = 4, Training = World.Training });
        Assert.Equal(world.Trainer.Scores(world.Trainer.Fit(own, options).Reward, own), world.Trainer.Scores(world.Trainer.Fit(found.States, options).Reward, found.States));
    }

    [Fact]
    public void The_choice_is_the_same_on_any_number_of_threads()
    {
        var options = s_options with { Input = HeadInputKind.Dense, Saes = [], Ks = [1], Layers = [1, 3, 4], Positions = [ReadOutPosition.Last, ReadOutPosition.Mean] };
        ChosenSetting one = Run(options with { Training = options.Training with { Threads = 1 } }), two = Run(options);
        Assert.Equal(6, one.Tried.Count);
        Assert.Equal(one.Tried, two.Tried);
        Assert.Equal((one.Setting, one.Choice.Correct), (two.Setting, two.Choice.Correct));
    }

    [Fact]
    public void On_labels_that_mean_nothing_the_best_of_many_settings_looks_good_and_the_outer_accuracy_does_not()
    {
        var random = new SeededRandom(11);
        var data = World.Pairs("train", 60);
        data = data with { Items = [.. data.Items.Select(item => random.NextInt(2) == 0 ? item : item with { Chosen = item.Rejected, Rejected = item.Chosen })] };
        var found = Run(s_options with { Input = HeadInputKind.Random, Saes = [], Layers = [0, 1, 2, 3, 4, 5], Ks = [1, 2, 4, 8] }, data);
        double best = (double)found.Tried.Max(tried => tried.Correct) / found.Choice.Total;
        Assert.True(best > found.Choice.Accuracy.Accuracy, $"best inner {best}, outer {found.Choice.Accuracy.Accuracy}");
        Assert.InRange(0.5, found.Choice.Accuracy.Low, found.Choice.Accuracy.High);
    }

    [Fact]
    public void Refuses_what_cannot_be_chosen()
    {
        World.Refuses(() => Run(s_options with { Ks = [4] }), "nothing to choose", "the only setting is K 4, layer 4, position last", "different values");
        World.Refuses(() => Run(s_options with { Input = HeadInputKind.Dense, Saes = [], Ks = null, Layers = [9, 1] }), "no layer 9", "0 to 5");
        World.Refuses(() => Run(s_options, World.Pairs("train", 2)), "3 x 2 nested folds", "different prompts", "give more data");
        World.Refuses(() => Run(s_options with { KeptStateBytes = 1000 }), "fewer pairs or fewer layers");
        World.Refuses(() => Run(s_options with { Ks = [1, 5000] }), "K = 5000", "d_sae");
    }

    private ChosenSetting Run(ChoiceOptions options, PreferenceSet? data = null) => NestedChoice.Run(world.Trainer.Backbone, options, data ?? World.Pairs("train", 60), null);
}
