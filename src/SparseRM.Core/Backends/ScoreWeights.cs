using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>A projection and some heads of one shape, as <see cref="Backend.Score"/> takes them. Owns nothing.</summary>
public sealed record ScoreWeights
{
    /// <summary>Width of z.</summary>
    public required int DModel { get; init; }

    /// <summary>Width of v.</summary>
    public required int Inputs { get; init; }

    /// <summary>Width of each head's hidden layer.</summary>
    public required int HiddenUnits { get; init; }

    /// <summary>The directions d_j on the host, [inputs, d_model]; empty where v is z itself.</summary>
    public required ReadOnlyMemory<float> Directions { get; init; }

    /// <summary>The heads on the host.</summary>
    public required IReadOnlyList<ScoreHead> Heads { get; init; }

    /// <summary>All of it in the backend's memory; null where the backend scores on the host (<see cref="Backend.ScoresOnHost"/>).</summary>
    public ScoreTensors? Resident { get; init; }
}

/// <summary>One head on the host: W2 relu(W1 v + b1) + b2.</summary>
/// <param name="W1">[hidden, inputs].</param>
/// <param name="B1">[hidden].</param>
/// <param name="W2">[hidden].</param>
/// <param name="B2">b2.</param>
public readonly record struct ScoreHead(ReadOnlyMemory<float> W1, ReadOnlyMemory<float> B1, ReadOnlyMemory<float> W2, float B2);

/// <summary>The weights in a backend's memory, the heads one below the other; all of them dense.</summary>
/// <param name="Directions">[inputs, d_model]; null where v is z itself.</param>
/// <param name="W1">[heads * hidden, inputs].</param>
/// <param name="B1">[heads, hidden].</param>
/// <param name="W2">[heads, hidden].</param>
/// <param name="B2">[1, heads].</param>
public sealed record ScoreTensors(Tensor? Directions, Tensor W1, Tensor B1, Tensor W2, Tensor B2);
