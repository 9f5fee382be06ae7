using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Scoring;

namespace SparseRM.Benchmarking;

/// <summary>A reward model of the method's shape, 2K-512-1, with random directions and head: it takes the time of a fitted one.</summary>
internal static class RandomReward
{
    private const int K = 32, HiddenUnits = 512;

    public static RewardModel For(Backbone backbone, int layer, long seed)
    {
        var random = new SeededRandom(seed, 5);
        int inputs = 2 * K;
        var input = new HeadInput(HeadInputKind.Random, backbone.DModel, Uniform(random, inputs * backbone.DModel, backbone.DModel), [], null);
        var head = new RewardHead(inputs, HiddenUnits, Uniform(random, inputs * HiddenUnits, inputs), new float[HiddenUnits],
            Uniform(random, HiddenUnits, HiddenUnits), 0);
        return new RewardModel(input, head, new float[inputs], new RewardModelMetadata
        {
            Identity = backbone.Identity(layer, ReadOutPosition.Last), TemplateSource = "", DType = backbone.Compute.ComputeName(), Loss = "none", Margin = 0, K = K,
            Seed = seed, DataHash = "", Pairs = 0, HeldOutPairs = 0, EngineVersion = RewardTrainer.EngineVersion,
        });
    }

    private static float[] Uniform(SeededRandom random, int count, int inputs)
    {
        var values = new float[count];
        foreach (ref float value in values.AsSpan()) value = (float)((random.NextDouble() * 2 - 1) / Math.Sqrt(inputs));
        return values;
    }
}
