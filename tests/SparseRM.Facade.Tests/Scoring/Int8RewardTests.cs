using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A reward that was fitted with products in int8.</summary>
public sealed class Int8RewardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_is_scored_in_int8_with_the_same_bits_in_any_company_and_ranks_as_in_f32()
    {
        string path = _folder.File("int8.safetensors");
        World.FitTo(path, World.Fit, World.Pairs("train", 120), World.Trainer with { Backbone = World.Backbone with { Compute = DType.I8 } });
        Assert.Equal("int8", RewardModelFile.Load(path).Metadata.DType);
        var dialogues = World.Dialogues(World.Pairs("test", 60));
        using var scorer = RewardScorer.Open(path, World.Backbone);
        Assert.Equal(DType.I8, scorer.Backbone.Compute);
        TokenSequence[] sequences = [.. dialogues.Select(dialogue => World.Last(scorer.Backbone, dialogue))];
        float[] together = scorer.ScoreBatch(sequences);
        using (var alone = RewardScorer.Open(path, World.Backbone with { Threads = 1, PrefixCacheBytes = 0 }))
            TensorAssert.SameBits([.. dialogues.Take(12).Select(alone.Score)], together.AsSpan(..12));
        using var f32 = RewardScorer.Open(path, World.Backbone with { Compute = DType.F32 });
        Assert.InRange(RankCorrelation(together, [.. dialogues.Select(f32.Score)]), 0.995, 1);
    }

    /// <summary>Spearman's, of scores without ties.</summary>
    private static double RankCorrelation(float[] a, float[] b)
    {
        static int[] Ranks(float[] values) => [.. values.Select(value => values.Count(other => other < value))];
        double squares = Ranks(a).Zip(Ranks(b), (x, y) => Math.Pow(x - y, 2)).Sum();
        return 1 - (6 * squares / (a.Length * ((double)a.Length * a.Length - 1)));
    }
}
