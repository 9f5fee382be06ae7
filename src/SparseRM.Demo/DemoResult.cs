using SparseRM.Backends;
using SparseRM.Data.Evaluation;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Demo;

/// <summary>How the demo runs.</summary>
public sealed record DemoOptions
{
    /// <summary>truthfulness, safety or red-teaming.</summary>
    public string Task { get; init; } = "truthfulness";
    /// <summary>Latents a side.</summary>
    public int K { get; init; } = 32;
    /// <summary>Uses only the first training pairs; null for all.</summary>
    public int? Pairs { get; init; }
    /// <summary>Seed of the fits.</summary>
    public long Seed { get; init; } = 1;
    /// <summary>A backend's name.</summary>
    public string Backend { get; init; } = "auto";
    /// <summary>Which variant computes an op; the backend's own choice for the others.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants { get; init; } = new Dictionary<OpKind, string>();
    /// <summary>Threads; 0 for all cores.</summary>
    public int Threads { get; init; }
    /// <summary>F32 or BF16; null takes F32, in which the reference run was made: the same latents are active equally often.</summary>
    public DType? Compute { get; init; }
}

/// <summary>One line of the demo's table: a head input and its accuracies, one a draw.</summary>
/// <param name="Input">What the head saw, for people.</param>
/// <param name="K">Latents or random directions a side.</param>
/// <param name="Pairs">Training pairs.</param>
/// <param name="Test">Counts on the test pairs; several where directions were drawn at random.</param>
/// <param name="Shift">Likewise on the pairs with other wordings.</param>
public sealed record DemoRow(string Input, int K, int Pairs, IReadOnlyList<AccuracyCount> Test, IReadOnlyList<AccuracyCount> Shift);

/// <summary>An answer as it grows.</summary>
/// <param name="Text">The token that was added.</param>
/// <param name="Score">The score of the answer up to here.</param>
/// <param name="Values">The projections there on the <see cref="DemoExample.Latents"/>.</param>
public sealed record DemoToken(string Text, float Score, IReadOnlyList<double> Values);

/// <summary>An answer with its score and where that comes from.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Tokens">Token by token, those that the chat template adds at the end, too.</param>
/// <param name="Explanation">The score and the shares of all directions in it.</param>
public sealed record DemoAnswer(string Text, IReadOnlyList<DemoToken> Tokens, RewardExplanation Explanation);

/// <summary>One question with a right and a wrong answer.</summary>
/// <param name="Question">The prompt.</param>
/// <param name="Right">The preferred answer.</param>
/// <param name="Wrong">The rejected answer.</param>
/// <param name="Latents">The chosen latents with the largest separation, two a side where there are as many: those that the answers are compared by.</param>
public sealed record DemoExample(string Question, DemoAnswer Right, DemoAnswer Wrong, IReadOnlyList<DirectionLatent> Latents);

/// <summary>What the demo found.</summary>
/// <param name="Options">How it ran.</param>
/// <param name="Fit">The fit on the top-K directions.</param>
/// <param name="Rows">The method beside its ablations.</param>
/// <param name="FewPairs">One direction a side from 32 pairs, where choosing well counts most; empty where <paramref name="Rows"/> are that already.</param>
/// <param name="TrainingItems">Training pairs in the file.</param>
/// <param name="DSae">Latents of the SAE.</param>
/// <param name="Example">A score and its reasons.</param>
public sealed record DemoResult(
    DemoOptions Options, FitResult Fit, IReadOnlyList<DemoRow> Rows, IReadOnlyList<DemoRow> FewPairs, int TrainingItems, int DSae, DemoExample Example);
