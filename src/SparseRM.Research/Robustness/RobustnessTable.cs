using SparseRM.Research.Baselines;

namespace SparseRM.Research.Robustness;

/// <summary>How a loss does under a condition.</summary>
/// <param name="Study">What is studied: <c>label noise</c>, say.</param>
/// <param name="Condition">What was done to the training pairs.</param>
/// <param name="Share">By how much, where that is a share; else null.</param>
/// <param name="TestedOn">The test pairs.</param>
/// <param name="Loss">The loss.</param>
/// <param name="Accuracy">Share of test pairs that are ordered rightly (a tie is wrong), the mean over the draws.</param>
/// <param name="Change">By how much that is more than with all training pairs as they are, paired; null for those themselves.</param>
/// <param name="TrainingPairs">Pairs that were learned from.</param>
/// <param name="TestPairs">Pairs that were tested on.</param>
public sealed record RobustnessRow(
    string Study, string Condition, double? Share, string TestedOn, string Loss, Interval Accuracy, Interval? Change, int TrainingPairs, int TestPairs);

/// <summary>A training pair whose label is doubtful.</summary>
/// <param name="Line">Line of the item in the data.</param>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Chosen">The answer that counts as preferred.</param>
/// <param name="Rejected">The other.</param>
/// <param name="Probability">That the label is right, by a head that had not seen the pair's prompt; its margins were calibrated on all pairs.</param>
/// <param name="Salience">How far the active latents speak for the label: sum of sign times separation over chosen latents that are active in the preferred answer, less the same of the other.</param>
public sealed record SuspectPair(long Line, string Prompt, string Chosen, string Rejected, double Probability, double Salience);

/// <summary>How well exchanged pairs are found.</summary>
/// <param name="By">By what pairs are ordered.</param>
/// <param name="Auroc">Chance that an exchanged pair is more suspect than another; 0.5 is none.</param>
/// <param name="Found">Share of exchanged pairs among as many most suspect ones.</param>
public sealed record NoiseFinding(string By, double Auroc, double Found);

/// <summary>A direction that reads otherwise after a change.</summary>
/// <param name="Latent">Its latent.</param>
/// <param name="Flipped">Share of test pairs in which the order of both answers along it is exchanged.</param>
/// <param name="Shift">Mean shift of its value, in standard deviations over unchanged answers.</param>
public sealed record FlippedDirection(int Latent, double Flipped, double Shift);

/// <summary>What a change of answers does to scores.</summary>
/// <param name="Change">What was changed.</param>
/// <param name="Pairs">Test pairs.</param>
/// <param name="Flipped">Share of them whose order is another when both answers are changed.</param>
/// <param name="Gained">Share of rightly ordered pairs in which the rejected answer wins when it alone is changed; null for changes that are not of one answer.</param>
/// <param name="Shift">Mean shift of a score, in standard deviations over unchanged answers.</param>
/// <param name="Directions">Those that flip most.</param>
public sealed record StabilityRow(string Change, int Pairs, Interval Flipped, Interval? Gained, double Shift, IReadOnlyList<FlippedDirection> Directions);

/// <summary>What a study of robustness found.</summary>
/// <param name="Rows">Conditions by study.</param>
/// <param name="Suspects">The most doubtful training pairs, worst first.</param>
/// <param name="Findings">How well suspicion finds pairs that were exchanged on purpose.</param>
/// <param name="Stability">Changes of the test answers.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="Notes">What a reader should know, one sentence each.</param>
public sealed record RobustnessTable(
    IReadOnlyList<RobustnessRow> Rows, IReadOnlyList<SuspectPair> Suspects, IReadOnlyList<NoiseFinding> Findings, IReadOnlyList<StabilityRow> Stability, string Summary,
    IReadOnlyList<string> Notes);
