using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>
/// A projection and the heads that read it, brought to where a backend scores with them; see <see cref="Backend.Score"/>. Thread-safe but for
/// <see cref="Dispose"/>.
/// </summary>
public sealed class ResidentHeads : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];

    /// <summary>Uploads the weights, unless the backend scores on the host.</summary>
    /// <param name="backend">Where the states are; must outlive this.</param>
    /// <param name="input">v from z; one that <see cref="Takes"/> allows.</param>
    /// <param name="heads">Scores from v, in the order of the scores' columns: at least one, all of one shape.</param>
    /// <exception cref="ArgumentException">The input is made of activations of an SAE, there is no head, or the heads' shapes differ.</exception>
    /// <exception cref="Errors.BackendException">Out of memory.</exception>
    public ResidentHeads(Backend backend, HeadInput input, IReadOnlyList<RewardHead> heads)
    {
        if (!Takes(input)) throw new ArgumentException($"a head that reads {HeadInput.Name(input.Kind)} is no projection", nameof(input));
        if (heads.Count == 0) throw new ArgumentException("there is no head to score with", nameof(heads));
        int hidden = heads[0].HiddenUnits;
        foreach (var head in heads)
        {
            if (head.InputCount != input.Count || head.HiddenUnits != hidden)
                throw new ArgumentException($"a head {head.InputCount}-{head.HiddenUnits}-1 beside {input.Count} inputs and heads of {hidden} hidden units", nameof(heads));
        }
        try
        {
            Weights = new ScoreWeights
            {
                DModel = input.DModel,
                Inputs = input.Count,
                HiddenUnits = hidden,
                Directions = input.Directions,
                Heads = [.. heads.Select(head => new ScoreHead(head.W1, head.B1, head.W2, head.B2))],
                Resident = backend.ScoresOnHost ? null : Upload(backend, input, heads),
            };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether v is linear in z: a projection on chosen latents' or on random directions, or z itself.</summary>
    public static bool Takes(HeadInput input) => input.Kind != HeadInputKind.Activations;

    /// <summary>What <see cref="Backend.Score"/> takes; not to be used once this is disposed.</summary>
    public ScoreWeights Weights { get; }

    /// <summary>Number of heads: columns of the scores.</summary>
    public int Count => Weights.Heads.Count;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
    }

    private ScoreTensors Upload(Backend backend, HeadInput input, IReadOnlyList<RewardHead> heads)
    {
        int count = heads.Count, hidden = heads[0].HiddenUnits;
        Tensor? directions = input.Directions.IsEmpty ? null : Empty(input.Count, input.DModel);
        if (directions is { } d) backend.Upload(input.Directions.Span, d);
        var (w1, b1, w2, b2) = (Empty(count * hidden, input.Count), Empty(count, hidden), Empty(count, hidden), Empty(1, count));
        for (int i = 0; i < count; i++)
        {
            backend.Upload(heads[i].W1.Span, w1.RowRange(i * hidden, hidden));
            backend.Upload(heads[i].B1.Span, b1.RowRange(i, 1));
            backend.Upload(heads[i].W2.Span, w2.RowRange(i, 1));
        }
        backend.Upload([.. heads.Select(head => head.B2)], b2);
        return new ScoreTensors(directions, w1, b1, w2, b2);

        Tensor Empty(int rows, int columns)
        {
            var buffer = backend.Allocate((long)rows * columns);
            _buffers.Add(buffer);
            return new Tensor(buffer, 0, rows, columns, columns);
        }
    }
}
