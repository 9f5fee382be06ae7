using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>A reward model's projection and head where a backend scores with them; see <see cref="Backend.Score"/>. Not thread-safe.</summary>
/// <remarks>What lies in the backend's memory is brought there when it is first asked for: a backend that scores on the host never does.</remarks>
public sealed class ResidentReward : IDisposable
{
    private readonly Backend _backend;
    private readonly HeadInput _input;
    private readonly RewardHead _head;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly float[] _v;
    private Tensor? _directions, _w1, _b1, _w2;
    private float[] _states = [], _scores = [];

    /// <summary>Takes what <see cref="Takes"/> allows.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="input">v from z.</param>
    /// <param name="head">Score from v.</param>
    /// <exception cref="ArgumentException">The input is made of activations of an SAE.</exception>
    public ResidentReward(Backend backend, HeadInput input, RewardHead head)
    {
        if (!Takes(input)) throw new ArgumentException($"a head that reads {HeadInput.Name(input.Kind)} is no projection", nameof(input));
        (_backend, _input, _head, _v) = (backend, input, head, new float[input.Count]);
    }

    /// <summary>Whether v is linear in z: a projection on chosen latents' or on random directions, or z itself.</summary>
    public static bool Takes(HeadInput input) => input.Kind != HeadInputKind.Activations;

    /// <summary>Width of z.</summary>
    public int DModel => _input.DModel;

    /// <summary>Width of v.</summary>
    public int InputCount => _input.Count;

    /// <summary>Width of the hidden layer.</summary>
    public int HiddenUnits => _head.HiddenUnits;

    /// <summary>d_j, [inputs, d_model]; null where v is z itself.</summary>
    public Tensor? Directions => _input.Directions.IsEmpty ? null : Load(ref _directions, _input.Directions, InputCount, DModel);

    /// <summary>W1 [hidden, inputs].</summary>
    public Tensor W1 => Load(ref _w1, _head.W1, HiddenUnits, InputCount);

    /// <summary>b1 [1, hidden].</summary>
    public Tensor B1 => Load(ref _b1, _head.B1, 1, HiddenUnits);

    /// <summary>W2 [1, hidden].</summary>
    public Tensor W2 => Load(ref _w2, _head.W2, 1, HiddenUnits);

    /// <summary>b2.</summary>
    public float B2 => _head.B2;

    /// <summary>What <see cref="Backend.Score"/> means, computed here.</summary>
    internal void ScoreOnHost(Backend backend, Tensor z, Tensor scores)
    {
        int length = z.Rows * z.Columns;
        if (_states.Length < length) _states = new float[length];
        if (_scores.Length < z.Rows) _scores = new float[z.Rows];
        backend.Download(z, _states);
        for (int row = 0; row < z.Rows; row++)
        {
            var state = _states.AsSpan(row * DModel, DModel);
            _scores[row] = float.NaN;
            if (!AreFinite(state)) continue;
            _input.Compute(state, _v);
            _scores[row] = (float)_head.Score(_v);
        }
        backend.Upload(_scores.AsSpan(0, z.Rows), scores);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
    }

    private static bool AreFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
            if (!float.IsFinite(value)) return false;
        return true;
    }

    private Tensor Load(ref Tensor? tensor, ReadOnlyMemory<float> values, int rows, int columns)
    {
        if (tensor is { } loaded) return loaded;
        var buffer = _backend.Allocate(values.Length);
        _buffers.Add(buffer);
        var made = new Tensor(buffer, 0, rows, columns, columns);
        _backend.Upload(values.Span, made);
        tensor = made;
        return made;
    }
}
