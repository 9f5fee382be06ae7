using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Models;

/// <summary>Only what blocks 0..L need is opened, so that part of a download is enough.</summary>
public sealed class ShardTests(FittedReward fitted)
{
    [Fact]
    public void Scores_without_the_shards_of_later_blocks()
    {
        using var single = WeightEdits.Changed();
        using var sharded = WeightEdits.Sharded();
        string reward = sharded.File("reward.reward");
        World.FitTo(reward, World.Fit, World.Pairs("train", 40), World.Trainer with { Backbone = World.Backbone with { Model = sharded.Path } });
        float[] expected = Scores(reward, single.Path);
        Assert.Equal(expected, Scores(reward, sharded.Path));

        File.WriteAllBytes(sharded.File("block-5.safetensors"), [.. Enumerable.Repeat((byte)0xA5, 4096)]);
        File.Delete(sharded.File("rest.safetensors"));
        Assert.Equal(expected, Scores(reward, sharded.Path));
        File.Delete(sharded.File("block-5.safetensors"));
        Assert.Equal(expected, Scores(reward, sharded.Path));
    }

    [Theory]
    [InlineData("block-3.safetensors", "model.layers.3.")]
    [InlineData("embedding.safetensors", "model.embed_tokens.weight")]
    public void Names_a_missing_shard_and_the_tensor_that_needs_it(string shard, string tensor)
    {
        using var sharded = WeightEdits.Sharded();
        File.Delete(sharded.File(shard));
        World.Refuses(() => Open(sharded.Path), sharded.File(shard), tensor, "missing");
    }

    [Fact]
    public void Names_a_corrupt_shard_that_is_needed()
    {
        using var sharded = WeightEdits.Sharded();
        File.WriteAllBytes(sharded.File("block-2.safetensors"), [.. Enumerable.Repeat((byte)0xA5, 4096)]);
        World.Refuses(() => Open(sharded.Path), sharded.File("block-2.safetensors"));
        File.WriteAllBytes(sharded.File("block-2.safetensors"), []);
        World.Refuses(() => Open(sharded.Path), sharded.File("block-2.safetensors"));
    }

    [Fact]
    public void Names_a_shard_that_ends_early()
    {
        using var sharded = WeightEdits.Sharded();
        var bytes = File.ReadAllBytes(sharded.File("block-1.safetensors"));
        File.WriteAllBytes(sharded.File("block-1.safetensors"), bytes[..^1000]);
        World.Refuses(() => Open(sharded.Path), sharded.File("block-1.safetensors"));
    }

    private static void Open(string model) => Backbone.Open(World.Backbone with { Model = model }, layer: 4).Dispose();

    private float[] Scores(string reward, string model)
    {
        using var scorer = RewardScorer.Open(reward, World.Backbone with { Model = model });
        return [.. fitted.Dialogues.Take(4).Select(scorer.Score)];
    }
}
