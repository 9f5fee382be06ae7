using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>A reward model where the engine scores with it. Made, used and disposed by whoever owns the backend.</summary>
internal sealed class AttachedReward : IDisposable
{
    private readonly Backend _backend;
    private readonly List<AttachedComponent> _components = [];
    private DeviceBuffer? _buffer;
    private float[] _scores = [], _states = [];
    private int _statesLength;

    /// <summary>Brings it to the backend.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="sae">The SAE whose activations it reads, where it needs one.</param>
    public AttachedReward(Backend backend, RewardModel reward, SparseAutoencoder? sae)
    {
        (_backend, Reward, Layers) = (backend, reward, [reward.Metadata.Identity.Layer]);
        try
        {
            foreach (var component in reward.Components) _components.Add(new AttachedComponent(backend, component, sae));
            IsOnBackend = _components.TrueForAll(component => component.IsOnBackend);
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

    /// <summary>The states [n, d_model] of the scores that were read last, where they came to the host.</summary>
    public ReadOnlySpan<float> States => _states.AsSpan(0, _statesLength);

    /// <summary>Whether the backend scores with every component.</summary>
    public bool IsOnBackend { get; }

    /// <summary>Enqueues the scoring of each row with all heads, component after component; see <see cref="PendingScores"/>.</summary>
    /// <remarks>The components are enqueued one behind the other; one download brings the scores of all, and one the states, where they are needed.</remarks>
    /// <param name="states">[n, d_model]. They may change before the scores are read where all of them come from the backend, which <see cref="Backend.RunsBehind"/>.</param>
    /// <param name="keepStates">Whether <see cref="States"/> will be read.</param>
    public PendingScores Score(Tensor states, bool keepStates)
    {
        int width = Reward.HeadCount, at = 0;
        var scored = new Tensor(Buffer(states.Rows * width), 0, states.Rows, width, width);
        bool onBackend = false, onHost = keepStates;
        foreach (var component in _components)
        {
            bool enqueued = component.TryScoreOnBackend(states, scored.ColumnRange(at, component.Heads));
            (onBackend, onHost, at) = (onBackend | enqueued, onHost | !enqueued, at + component.Heads);
        }
        if (onHost) return new PendingScores(this, states.Rows, states.Columns, onBackend ? new PendingRows(_backend, scored) : null, new PendingRows(_backend, states));
        return new PendingScores(this, states.Rows, states.Columns, _backend.BeginDownload(scored), null);
    }

    /// <summary>Scores of each row's heads, [n, heads of all]; NaN for a state that is not finite. Valid until the next call.</summary>
    /// <param name="rows">n.</param>
    /// <param name="columns">d_model.</param>
    /// <param name="scores">Those of the components that the backend scores; null for none.</param>
    /// <param name="states">Null where nobody reads them.</param>
    public ReadOnlySpan<float> Read(int rows, int columns, PendingRows? scores, PendingRows? states)
    {
        int width = Reward.HeadCount, count = rows * width, at = 0;
        if (_scores.Length < count) _scores = new float[Math.Max(count, 64)];
        scores?.Read(_scores);
        _statesLength = 0;
        if (states is not { } pending) return _scores.AsSpan(0, count);
        _statesLength = rows * columns;
        if (_states.Length < _statesLength) _states = new float[_statesLength];
        pending.Read(_states);
        foreach (var component in _components)
        {
            if (!component.IsOnBackend) component.ScoreOnHost(States, _scores, at, width);
            at += component.Heads;
        }
        return _scores.AsSpan(0, count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IsClosed = true;
        foreach (var component in _components) component.Dispose();
        _components.Clear();
        _buffer?.Dispose();
        _buffer = null;
    }

    private DeviceBuffer Buffer(int length)
    {
        if (_buffer is not null && _buffer.Length >= length) return _buffer;
        _buffer?.Dispose();
        _buffer = null;
        return _buffer = _backend.Allocate(Math.Max(length, 64));
    }
}
