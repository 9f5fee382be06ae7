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
    private float[] _inputs = [];

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

    /// <summary>Whether the backend scores; else it is done on the host.</summary>
    public bool IsOnBackend => _resident is not null;

    /// <summary>Has the backend put the scores of each row's heads, [n, heads], NaN for a state that is not finite, where they are wanted.</summary>
    /// <param name="states">[n, d_model].</param>
    /// <param name="scores">[n, heads].</param>
    /// <returns>Whether it is the backend that scores.</returns>
    public bool TryScoreOnBackend(Tensor states, Tensor scores)
    {
        if (_resident is null) return false;
        _backend.Score(states, _resident.Weights, scores);
        return true;
    }

    /// <summary>The same on the host.</summary>
    /// <param name="states">[n, d_model].</param>
    /// <param name="scores">[n, <paramref name="width"/>], of which it writes the columns from <paramref name="first"/> on.</param>
    /// <param name="first">First column.</param>
    /// <param name="width">Columns.</param>
    public void ScoreOnHost(ReadOnlySpan<float> states, Span<float> scores, int first, int width)
    {
        int dModel = _component.Input.DModel;
        for (int row = 0; row * dModel < states.Length; row++)
        {
            var state = states.Slice(row * dModel, dModel);
            var own = scores.Slice((row * width) + first, Heads);
            if (AreFinite(state)) _component.HeadScores(Inputs(state), own);
            else own.Fill(float.NaN);
        }
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
        _resident?.Dispose();
        _sae?.Dispose();
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
