using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>One component of a reward model where the engine scores with it: on the backend, or on the host where its input is no projection.</summary>
internal sealed class AttachedComponent : IDisposable
{
    private readonly Backend _backend;
    private readonly RewardComponent _component;
    private readonly ResidentHeads? _resident;
    private readonly SaeEncoder? _sae;
    private readonly SaeEncoder.RowReader? _gather;
    private DeviceBuffer? _buffer;
    private float[] _scores = [], _states = [], _inputs = [];

    /// <summary>Brings it to the backend.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="component">The component.</param>
    /// <param name="sae">The SAE whose activations it reads, where it needs one.</param>
    public AttachedComponent(Backend backend, RewardComponent component, SparseAutoencoder? sae)
    {
        (_backend, _component) = (backend, component);
        if (ResidentHeads.Takes(component.Input)) _resident = new ResidentHeads(backend, component.Input, component.Heads);
        else if (component.Input.NeedsSae) (_sae, _gather) = (new SaeEncoder(backend, sae!), Gather);
    }

    /// <summary>Number of heads.</summary>
    public int Heads => _component.Heads.Count;

    /// <summary>Scores of each row's heads, [n, heads]; NaN for a state that is not finite. Valid until the next call.</summary>
    /// <param name="states">[n, d_model].</param>
    public ReadOnlySpan<float> Score(Tensor states)
    {
        int count = states.Rows * Heads;
        if (_scores.Length < count) _scores = new float[Math.Max(count, 64)];
        if (_resident is not null) ScoreOnBackend(states, count);
        else ScoreOnHost(states);
        return _scores.AsSpan(0, count);
    }

    /// <summary>The heads' inputs v of states [n, d_model], as rows [n, inputs]; valid until the next call.</summary>
    /// <exception cref="Errors.SparseRMException">A state is not finite.</exception>
    public ReadOnlySpan<float> Inputs(ReadOnlySpan<float> states)
    {
        var input = _component.Input;
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
        _buffer?.Dispose();
        _resident?.Dispose();
        _sae?.Dispose();
    }

    private void ScoreOnBackend(Tensor states, int count)
    {
        if (_buffer is null || _buffer.Length < count)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = _backend.Allocate(_scores.Length);
        }
        var scored = new Tensor(_buffer, 0, states.Rows, Heads, Heads);
        _backend.Score(states, _resident!.Weights, scored);
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
            var scores = _scores.AsSpan(row * Heads, Heads);
            if (AreFinite(state)) _component.HeadScores(Inputs(state), scores);
            else scores.Fill(float.NaN);
        }
    }

    private void Gather(int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> activations) =>
        _component.Input.Gather(latents, activations, _inputs.AsSpan(row * _component.Input.Count, _component.Input.Count));

    private static bool AreFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
            if (!float.IsFinite(value)) return false;
        return true;
    }
}
