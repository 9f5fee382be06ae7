using SparseRM.Facade.Tests;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

[assembly: AssemblyFixture(typeof(FittedReward))]

namespace SparseRM.Facade.Tests;

/// <summary>One reward file for all tests, fitted on 120 pairs in the weights' own BF16, and the scores that it gives.</summary>
public sealed class FittedReward : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FittedReward()
    {
        Path = _folder.File("reward.safetensors");
        Result = World.FitTo(Path, World.Fit, World.Pairs("train", 120));
        Dialogues = World.Dialogues(World.Pairs("test", 20));
        (Scores, ScoresF32) = (Alone(null), Alone(DType.F32));
    }

    /// <summary>The reward file.</summary>
    public string Path { get; }

    public FitResult Result { get; }

    /// <summary>40 test dialogues: neighbours share a prompt.</summary>
    public IReadOnlyList<IReadOnlyList<Message>> Dialogues { get; }

    /// <summary>Their scores, each computed alone on one thread, in BF16.</summary>
    public float[] Scores { get; }

    /// <summary>Likewise in F32.</summary>
    public float[] ScoresF32 { get; }

    public RewardScorer Open(BackboneOptions? options = null) => RewardScorer.Open(Path, options ?? World.Backbone);

    public void Dispose() => _folder.Dispose();

    private float[] Alone(DType? compute)
    {
        using var scorer = Open(World.Backbone with { Threads = 1, Compute = compute, PrefixCacheBytes = 0 });
        return [.. Dialogues.Select(scorer.Score)];
    }
}
