using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>A scorer under test beside one that keeps nothing and computes each text alone, on one thread.</summary>
internal sealed class Alone : IDisposable
{
    private readonly Backbone _lonely;
    private readonly RewardScorer _expected;

    public Alone(TinyReward tiny, string family, ReadOutPosition position = ReadOutPosition.Last, BackboneOptions? options = null, int heads = 1)
    {
        options = (options ?? World.Backbone) with { IsShared = false }; // counts are this test's alone
        _lonely = tiny.Backbone(family, options with { PrefixCacheBytes = 0, Threads = 1, MaxBatchTokens = 1 });
        Backbone = tiny.Backbone(family, options);
        Reward = TinyReward.Reward(_lonely, position: position, heads: heads);
        (_expected, Scorer) = (_lonely.Attach(Reward), Backbone.Attach(Reward));
    }

    public Backbone Backbone { get; }

    public RewardModel Reward { get; }

    public RewardScorer Scorer { get; }

    public static TheoryData<string, DType, ReadOutPosition> Kinds => new(
        from family in TinyReward.Families
        from compute in new[] { DType.F32, DType.BF16 }
        from position in Enum.GetValues<ReadOutPosition>()
        select (family, compute, position));

    /// <summary>The score of ids whose answer begins at <paramref name="start"/>, alone.</summary>
    public float Of(int[] ids, int start = 0) => _expected.ScoreBatch([Input(ids, start).ReadAt(Scorer.Position)])[0];

    /// <summary>The score of a dialogue, alone.</summary>
    public float Of(string prompt, string answer) => _expected.ScoreBatch([_expected.Encode([new("user", prompt), new("assistant", answer)])])[0];

    /// <summary>Ids whose answer begins at <paramref name="start"/>.</summary>
    public EncodedInput Input(int[] ids, int start = 0) =>
        start < ids.Length ? Backbone.Encoder.EncodeIds(ids, start, ids.Length) : Backbone.Encoder.EncodeIds(ids);

    public void Dispose()
    {
        Scorer.Dispose();
        _expected.Dispose();
        Backbone.Dispose();
        _lonely.Dispose();
    }
}
