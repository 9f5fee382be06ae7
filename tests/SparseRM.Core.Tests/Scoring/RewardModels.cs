using SparseRM.Fitting;
using SparseRM.Models;
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

    /// <summary>Two components: one of the method with three heads, one of dense states with two; both with statistics and a probe.</summary>
    public static RewardModel Ensemble(ScoreAggregate aggregate = default, double second = -0.5)
    {
        var (helpful, safe) = (Make(HeadInputKind.Projection), Make(HeadInputKind.Dense));
        return new RewardModel([Part("helpful", 1, helpful, 3), Part("safe", second, safe, 2)], aggregate);

        static RewardComponent Part(string name, double weight, RewardModel model, int heads)
        {
            int n = model.Input.Count;
            float[] mean = model.MeanInput.ToArray();
            // Sides of 1, 2, 3... below the diagonal of 1.
            float[] whitening = [.. Enumerable.Range(0, n).SelectMany(i => Enumerable.Range(0, i + 1).Select(j => i == j ? 1f : 0.25f * (i - j)))];
            var novelty = new NoveltyEstimator(mean, whitening, [1, 2, 4], [0.75f, 0.5f, 0.25f], 2, NoveltyCalibration.HeldOut, 3);
            float[] Scores(float first) => [.. Enumerable.Range(0, heads).Select(head => first + head)];
            var probe = new RewardProbe("cpu plain", [new(new(new[] { 1, 2, 3 }, ReadOut.At(2)), Scores(0.5f)), new(new(new[] { 4, 5 }, ReadOut.Mean(0, 2)), Scores(-1))]);
            return new RewardComponent(name, weight, model.Input, [.. Enumerable.Range(0, heads).Select(head => Make(model.Input.Kind, seed: head + 1).Head)],
                mean, model.Metadata with { Bootstrap = heads == 3 }, novelty, probe);
        }
    }
}
