using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>A reward model where the engine scores with it. Made, used and disposed by whoever owns the backend.</summary>
internal sealed class AttachedReward : IDisposable
{
    private readonly List<AttachedComponent> _components = [];
    private float[] _scores = [];

    /// <summary>Brings it to the backend.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="sae">The SAE whose activations it reads, where it needs one.</param>
    public AttachedReward(Backend backend, RewardModel reward, SparseAutoencoder? sae)
    {
        (Reward, Layers) = (reward, [reward.Metadata.Identity.Layer]);
        try
        {
            foreach (var component in reward.Components) _components.Add(new AttachedComponent(backend, component, sae));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The reward model.</summary>
    public RewardModel Reward { get; }

    /// <summary>The layer that it reads.</summary>
    public int[] Layers { get; }

    /// <summary>Its components, in their order.</summary>
    public IReadOnlyList<AttachedComponent> Components => _components;

    /// <summary>Whether it was disposed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Scores of each row's heads, component after component, [n, heads of all]; NaN for a state that is not finite. Valid until the next call.</summary>
    /// <param name="states">[n, d_model].</param>
    public ReadOnlySpan<float> Score(Tensor states)
    {
        if (_components.Count == 1) return _components[0].Score(states);
        int width = Reward.HeadCount, at = 0;
        if (_scores.Length < states.Rows * width) _scores = new float[states.Rows * width];
        foreach (var component in _components)
        {
            var own = component.Score(states);
            for (int row = 0; row < states.Rows; row++) own.Slice(row * component.Heads, component.Heads).CopyTo(_scores.AsSpan((row * width) + at));
            at += component.Heads;
        }
        return _scores.AsSpan(0, states.Rows * width);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IsClosed = true;
        foreach (var component in _components) component.Dispose();
        _components.Clear();
    }
}
