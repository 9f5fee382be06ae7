using SparseRM.Backends.Reference;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>The score of states as the seam means it, on a backend that has no kernel of its own for it.</summary>
public sealed class ScoreOnHostTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_state_that_is_not_finite_scores_NaN_and_the_others_their_score(float bad)
    {
        var model = RewardModels.Make(HeadInputKind.Projection);
        const int d = RewardModels.DModel;
        float[] states = [.. Enumerable.Range(0, 3 * d).Select(i => i % 7 - 3f)];
        states[d + 4] = bad;
        using var backend = new ReferenceBackend();
        using var resident = new ResidentHeads(backend, model.Input, [model.Head]);
        var (z, scores) = (new Tensor(backend.Allocate(3 * d), 0, 3, d, d), new Tensor(backend.Allocate(3), 0, 3, 1, 1));
        backend.Upload(states, z);
        backend.Score(z, resident.Weights, scores);
        var found = new float[3];
        backend.Download(scores, found);
        TensorAssert.SameBits([model.Score(states.AsSpan(0, d)), float.NaN, model.Score(states.AsSpan(2 * d, d))], found);
    }
}
