using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Research.Reproduction;

/// <summary>Rows of the paper's tables (arXiv 2511.07896) with their numbers, in percent.</summary>
internal static class Published
{
    /// <summary>The paper's tasks, as columns of the tables of accuracy.</summary>
    public static IReadOnlyList<string> Tasks { get; } = ["SafeRLHF", "Red-Teaming", "TruthfulQA"];

    /// <summary>Names of the tables.</summary>
    public const string HeadInput = "head input", Loss = "loss", Alignment = "after alignment";

    /// <summary>Accuracy of the reward model with Gemma-2-9B-it, by task; NaN where the paper has none.</summary>
    public static IReadOnlyList<(string Table, string Row, HeadInputKind Input, PreferenceLossKind Loss, double[] Percent)> Accuracies { get; } =
    [
        (HeadInput, "SAE activations", HeadInputKind.Activations, PreferenceLossKind.Margin, [92.4, 88.4, 91.4]),
        (HeadInput, "random directions", HeadInputKind.Random, PreferenceLossKind.Margin, [93.0, 88.0, 90.7]),
        (HeadInput, "top-K directions", HeadInputKind.Projection, PreferenceLossKind.Margin, [94.4, 90.2, 93.6]),
        (HeadInput, "dense state", HeadInputKind.Dense, PreferenceLossKind.Margin, [94.7, double.NaN, double.NaN]),
        (Loss, "Bradley-Terry", HeadInputKind.Projection, PreferenceLossKind.BradleyTerry, [94.0, 88.7, 91.4]),
        (Loss, "BCE", HeadInputKind.Projection, PreferenceLossKind.Bce, [85.7, 83.1, 86.3]),
        (Loss, "margin", HeadInputKind.Projection, PreferenceLossKind.Margin, [94.4, 90.2, 93.6]),
    ];

    /// <summary>After online alignment: SafeRLHF, Red-Teaming, TruthfulQA MC1 and MC2; NaN where the paper has none.</summary>
    public static IReadOnlyList<(string Row, double[] Percent)> Aligned { get; } =
    [
        ("Gemma-2-2B-it, no reward model", [73.4, 61.8, 56.1, 69.8]),
        ("Gemma-2-2B-it, StandardRM", [77.9, 65.2, 56.7, 70.5]),
        ("Gemma-2-2B-it, GRAM", [79.0, 65.8, 60.0, 73.9]),
        ("Gemma-2-2B-it, SparseRM", [79.5, 67.0, 59.3, 73.1]),
        ("Gemma-2-9B-it, StandardRM", [78.7, 59.3, 62.5, 77.7]),
        ("Gemma-2-9B-it, GRAM", [79.3, 60.7, 64.7, 77.9]),
        ("Gemma-2-9B-it, SparseRM", [79.9, 60.4, 65.2, 78.5]),
        ("Gemma-2-9B-it, DenseRM", [78.7, double.NaN, double.NaN, double.NaN]),
    ];

    /// <summary>Why nothing after alignment is measured here.</summary>
    public const string AlignmentNeeds = "needs policies tuned over five rounds of DPO by an outside trainer, and their answers judged; make-pairs and filter are the steps of a round that sparserm has";
}
