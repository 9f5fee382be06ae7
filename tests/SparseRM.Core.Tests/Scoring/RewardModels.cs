using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>Small reward models with random weights, of every kind of input.</summary>
public static class RewardModels
{
    public const int DModel = 6, K = 2;

    public static TheoryData<HeadInputKind, bool> Kinds => new()
    {
        { HeadInputKind.Projection, false }, { HeadInputKind.Random, false }, { HeadInputKind.Dense, false },
        { HeadInputKind.Activations, true }, { HeadInputKind.Activations, false },
    };

    public static RewardModel Make(HeadInputKind kind, bool gates = true, long seed = 1, int hidden = 9)
    {
        var random = new SeededRandom(seed);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
        var selection = new LatentSelection(
            [new DirectionLatent(7, 1, 20, 3, 30, 28), new DirectionLatent(2, 1, 9, 1, 30, 28)], [new DirectionLatent(4, -1, 1, 25, 30, 28)], []);
        var input = kind switch
        {
            HeadInputKind.Projection => HeadInputs.Projection(selection, DModel, Values(3 * DModel)),
            HeadInputKind.Random => HeadInputs.Random(K, DModel, seed),
            HeadInputKind.Dense => HeadInputs.Dense(DModel),
            _ => HeadInputs.Activations(selection, DModel, gates ? new LatentGates(DModel, Values(3 * DModel), Values(3), Values(3), Values(3), Values(3)) : null),
        };
        var head = new RewardHead(input.Count, hidden, Values(hidden * input.Count), Values(hidden), Values(hidden), 0.25f);
        return new RewardModel(input, head, Values(input.Count), TestRewards.Metadata(seed));
    }
}
