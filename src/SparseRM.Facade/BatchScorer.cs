using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM;

/// <summary>Scores of micro-batches of states that are on a backend: one op, one download. Not thread-safe.</summary>
internal sealed class BatchScorer(Backend backend, RewardModel reward) : IDisposable
{
    private readonly ResidentHeads _heads = new(backend, reward.Input, [reward.Head]);
    private DeviceBuffer? _buffer;
    private float[] _scores = [];

    /// <summary>Puts the score of each state at its sequence's place.</summary>
    /// <param name="states">[n, d_model].</param>
    /// <param name="sequences">[n]: the places.</param>
    /// <param name="scores">What they are places in.</param>
    /// <param name="layer">Block after which the states were read, for messages.</param>
    /// <exception cref="Errors.SparseRMException">A state is not finite.</exception>
    public void Score(Tensor states, ReadOnlySpan<int> sequences, float[] scores, int layer)
    {
        int count = states.Rows;
        if (_scores.Length < count)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = backend.Allocate(count);
            _scores = new float[count];
        }
        var scored = new Tensor(_buffer!, 0, count, 1, 1);
        backend.Score(states, _heads.Weights, scored);
        backend.Download(scored, _scores);
        for (int i = 0; i < count; i++)
        {
            if (float.IsNaN(_scores[i])) ResidualRunner.RefuseNotFinite(layer);
            scores[sequences[i]] = _scores[i];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _buffer?.Dispose();
        _heads.Dispose();
    }
}
