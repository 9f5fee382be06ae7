using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>A reward model where the engine scores with it. Made, used and disposed by whoever owns the backend.</summary>
internal sealed class AttachedReward : IDisposable
{
    private readonly Backend _backend;
    private readonly RewardModel _reward;
    private readonly ResidentReward? _resident;
    private readonly SaeEncoder? _sae;
    private readonly SaeEncoder.RowReader? _gather;
    private DeviceBuffer? _buffer;
    private float[] _scores = [], _states = [], _inputs = [];

    /// <summary>Brings it to the backend.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="sae">The SAE whose activations it reads, where it needs one.</param>
    public AttachedReward(Backend backend, RewardModel reward, SparseAutoencoder? sae)
    {
        (_backend, _reward, Layers) = (backend, reward, [reward.Metadata.Identity.Layer]);
        if (ResidentReward.Takes(reward.Input)) _resident = new ResidentReward(backend, reward.Input, reward.Head);
        else if (reward.Input.NeedsSae) (_sae, _gather) = (new SaeEncoder(backend, sae!), Gather);
    }

    /// <summary>The layer that it reads.</summary>
    public int[] Layers { get; }

    /// <summary>Whether it was disposed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Scores a row each; NaN for a state that is not finite. Valid until the next call.</summary>
    /// <param name="states">[n, d_model].</param>
    public ReadOnlySpan<float> Score(Tensor states)
    {
        if (_scores.Length < states.Rows) _scores = new float[states.Rows];
        if (_resident is not null) ScoreOnBackend(states);
        else ScoreOnHost(states);
        return _scores.AsSpan(0, states.Rows);
    }

    /// <summary>The head's inputs v of states [n, d_model], as rows [n, inputs]; valid until the next call.</summary>
    /// <exception cref="Errors.SparseRMException">A state is not finite.</exception>
    public ReadOnlySpan<float> Inputs(ReadOnlySpan<float> states)
    {
        var input = _reward.Input;
        int rows = states.Length / input.DModel;
        if (_inputs.Length < rows * input.Count) _inputs = new float[rows * input.Count];
        if (_sae is not null) _sae.Encode(states, _gather!);
        else
            for (int row = 0; row < rows; row++)
                input.Compute(states.Slice(row * input.DModel, input.DModel), _inputs.AsSpan(row * input.Count, input.Count));
        return _inputs.AsSpan(0, rows * input.Count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IsClosed = true;
        _buffer?.Dispose();
        _resident?.Dispose();
        _sae?.Dispose();
    }

    private void ScoreOnBackend(Tensor states)
    {
        int count = states.Rows;
        if (_buffer is null || _buffer.Length < count)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = _backend.Allocate(Math.Max(count, 64));
        }
        var scored = new Tensor(_buffer, 0, count, 1, 1);
        _backend.Score(states, _resident!, scored);
        _backend.Download(scored, _scores);
    }

    private void ScoreOnHost(Tensor states)
    {
        int width = states.Columns;
        if (_states.Length < states.Rows * width) _states = new float[states.Rows * width];
        _backend.Download(states, _states);
        for (int row = 0; row < states.Rows; row++)
        {
            var state = _states.AsSpan(row * width, width);
            _scores[row] = float.NaN;
            if (!AreFinite(state)) continue;
            _scores[row] = (float)_reward.Head.Score(Inputs(state));
        }
    }

    private void Gather(int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> activations) =>
        _reward.Input.Gather(latents, activations, _inputs.AsSpan(row * _reward.Input.Count, _reward.Input.Count));

    private static bool AreFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
            if (!float.IsFinite(value)) return false;
        return true;
    }
}
