using SparseRM.Errors;

namespace SparseRM.Research.SaeTraining;

/// <summary>How an SAE chooses its active latents while it is trained.</summary>
public enum SaeArchitecture
{
    /// <summary>The k greatest of each token, with an auxiliary loss for dead latents. Source: Gao et al. 2024 (arXiv 2406.04093).</summary>
    TopK,
    /// <summary>
    /// A threshold for each latent, learned through straight-through estimators. Source: Rajamanoharan et al. 2024 (arXiv 2407.14435); the quadratic target
    /// for L0 is that of its appendix.
    /// </summary>
    JumpRelu,
    /// <summary>The k greatest a token on average over the batch; one threshold takes their place afterwards. Source: Bussmann et al. 2024 (arXiv 2412.06410).</summary>
    BatchTopK,
    /// <summary>BatchTopK whose first latents also reconstruct alone. Source: Bussmann et al. 2025 (arXiv 2503.17547).</summary>
    Matryoshka,
}

/// <summary>What to train.</summary>
public sealed record SaeTrainingOptions
{
    /// <summary>How active latents are chosen.</summary>
    public SaeArchitecture Architecture { get; init; } = SaeArchitecture.BatchTopK;

    /// <summary>Latents.</summary>
    public required int Width { get; init; }

    /// <summary>Active latents: k of the three that count them, the target of L0 of JumpReLU.</summary>
    public required double Active { get; init; }

    /// <summary>Tokens to train on; the data begin again where they are fewer.</summary>
    public long Tokens { get; init; } = 10_000_000;

    /// <summary>Tokens of a step.</summary>
    public int BatchTokens { get; init; } = 2048;

    /// <summary>Adam's greatest step, or null: <c>0.0004 * sqrt(16384 / width)</c>, for which Gao et al. have the half.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Tokens whose states are shuffled together, or null: as many as fit into 512 MiB. This bounds the memory.</summary>
    public int? BufferTokens { get; init; }

    /// <summary>Longer texts are cut into pieces of so many tokens, each with a BOS of its own; at most the model's context.</summary>
    public int ContextTokens { get; init; } = 512;

    /// <summary>Of initial weights and of the order of tokens.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Threads; 0 for all cores. Changes no bit.</summary>
    public int Threads { get; init; }

    internal int ThreadsToUse => Threads == 0 ? Environment.ProcessorCount : Threads;

    internal double LearningRateToUse => LearningRate ?? 4e-4 * Math.Sqrt(16384.0 / Width);

    internal int BufferTokensFor(int dIn) => BufferTokens ?? (int)Math.Max(BatchTokens, (512L << 20) / ((long)dIn * sizeof(float)));

    /// <summary>The architecture's name, as options and files have it.</summary>
    public static string NameOf(SaeArchitecture architecture) => architecture.ToString().ToLowerInvariant();

    /// <summary>Refuses what cannot be trained.</summary>
    /// <param name="dIn">The model's width.</param>
    /// <exception cref="SparseRMException">An option is out of range.</exception>
    public void Check(int dIn)
    {
        const int MostWeights = 1 << 30;
        string active = Architecture == SaeArchitecture.JumpRelu ? "l0" : "k";
        Require(Width >= 2 && (long)Width * RowMath.Pad(dIn) <= MostWeights, $"width is {Width}; give 2 to {MostWeights / RowMath.Pad(dIn)} latents, so that a matrix has at most {MostWeights} weights");
        Require(Active > 0 && Active < Width, FormattableString.Invariant($"{active} is {Active}, expected above 0 and below the width, {Width}"));
        Require(Architecture == SaeArchitecture.JumpRelu || Active == Math.Floor(Active), FormattableString.Invariant($"k is {Active}, expected a whole number"));
        Require(Tokens >= 1, $"tokens is {Tokens}, expected at least 1");
        Require(BatchTokens >= 1 && BatchTokens <= 1 << 20 && (long)BatchTokens * RowMath.Pad(dIn) <= 1 << 28, $"batch tokens is {BatchTokens}, expected 1 to {Math.Min(1 << 20, (1 << 28) / RowMath.Pad(dIn))}");
        Require(LearningRate is null or > 0 and < 1, FormattableString.Invariant($"learning rate is {LearningRate}, expected above 0 and below 1"));
        Require(ContextTokens >= 2, $"context tokens is {ContextTokens}, expected at least 2");
        Require(BufferTokens is null || BufferTokens >= Math.Max(BatchTokens, ContextTokens), $"buffer tokens is {BufferTokens}, expected at least a batch ({BatchTokens}) and a text ({ContextTokens})");
    }

    /// <summary>Everything of this that decides bits, as one line.</summary>
    internal string Identity(int dIn) => FormattableString.Invariant(
        $"{NameOf(Architecture)} {Width} {Active:R} {Tokens} {BatchTokens} {LearningRateToUse:R} {BufferTokensFor(dIn)} {ContextTokens} {Seed}");

    private static void Require(bool holds, string problem)
    {
        if (!holds) throw new SparseRMException(ErrorKind.Usage, problem);
    }
}
