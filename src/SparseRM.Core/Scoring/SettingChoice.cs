using SparseRM.Models;

namespace SparseRM.Scoring;

/// <summary>That K, layer or position of a fit were chosen by nested cross-validation, from which values, and how well such a choice does.</summary>
/// <param name="Ks">Values of K that were tried; none where the head has no K.</param>
/// <param name="Layers">Blocks that were tried.</param>
/// <param name="Positions">Positions that were tried.</param>
/// <param name="OuterFolds">Parts of the data each of which was kept from the whole choice in turn.</param>
/// <param name="InnerFolds">Parts of the rest by which a choice was made.</param>
/// <param name="Correct">Pairs of the outer parts, over all of them, that were ordered rightly by what the others had chosen (a tie is wrong).</param>
/// <param name="Total">All pairs.</param>
public sealed record SettingChoice(
    IReadOnlyList<int> Ks, IReadOnlyList<int> Layers, IReadOnlyList<ReadOutPosition> Positions, int OuterFolds, int InnerFolds, int Correct, int Total)
{
    /// <summary>Accuracy of the choosing, not of the chosen one, with its interval.</summary>
    public AccuracyInterval Accuracy => new(Correct, Total);
}
