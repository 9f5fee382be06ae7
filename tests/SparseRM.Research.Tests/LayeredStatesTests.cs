using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Tests;

public class LayeredStatesTests(World world)
{
    [Theory]
    [InlineData(ReadOutPosition.Last)]
    [InlineData(ReadOutPosition.Mean)]
    public void Have_the_bits_that_a_trainer_of_one_layer_reads(ReadOutPosition position)
    {
        var data = World.Pairs("test", 12);
        var read = LayeredStates.Read(world.Trainer.Backbone, [4, 0, 2], position, data);
        Assert.Equal([0, 2, 4], read.Keys.Order());
        foreach (int layer in read.Keys)
        {
            using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = World.Backbone, Layer = layer, Position = position });
            Assert.Equal(new AnswerSet(trainer.ReadStates(data)).States.ToArray(), new AnswerSet(read[layer]).States.ToArray());
        }
    }

    [Fact]
    public void Come_from_the_cache_where_all_layers_are_there()
    {
        var data = World.Pairs("test", 6);
        using var folder = new TemporaryFolder();
        using var cache = HiddenStateCache.Open(folder.Path);
        // An engine of its own, by its threads: what other tests compute at the same time must not count.
        using var backbone = Backbone.Open(World.Backbone with { Threads = 1 }, 3);
        var first = LayeredStates.Read(backbone, [1, 3], ReadOutPosition.Last, data, cache);
        Assert.Equal(24, cache.Count);
        long before = backbone.Counts.ComputedTokens;
        Assert.True(before > 0);
        var second = LayeredStates.Read(backbone, [1, 3], ReadOutPosition.Last, data, cache);
        Assert.Equal(before, backbone.Counts.ComputedTokens);
        foreach (int layer in first.Keys) Assert.Equal(new AnswerSet(first[layer]).States.ToArray(), new AnswerSet(second[layer]).States.ToArray());
    }

    [Fact]
    public void Are_refused_where_they_do_not_fit_or_there_is_no_such_layer()
    {
        var data = World.Pairs("test", 4);
        World.Refuses(() => LayeredStates.Read(world.Trainer.Backbone, [0, 1], ReadOutPosition.Last, data, keptBytes: 1000), "8 answers after 2 blocks", "fewer pairs");
        World.Refuses(() => LayeredStates.Read(world.Trainer.Backbone, [6], ReadOutPosition.Last, data), "6");
    }
}
