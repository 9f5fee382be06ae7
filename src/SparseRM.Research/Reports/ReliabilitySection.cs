using System.Globalization;
using SparseRM.Research.Baselines;
using SparseRM.Scoring;

namespace SparseRM.Research.Reports;

/// <summary>Whether a margin is a probability: the part of a page that shows it.</summary>
internal static class ReliabilitySection
{
    /// <summary>Adds it.</summary>
    /// <param name="page">The page.</param>
    /// <param name="margins">Of pairs: score of the preferred answer less that of the other; at least one.</param>
    /// <param name="calibration">The reward model's, or null.</param>
    public static void Add(HtmlPage page, IReadOnlyCollection<double> margins, ScoreCalibration? calibration)
    {
        double temperature = calibration?.Temperature ?? 1;
        Reliability before = Reliability.Of(margins, 1), after = Reliability.Of(margins, temperature);
        page.Section("Calibration");
        page.Paragraph(calibration is null
            ? $"The reward model was fitted without a calibration. Were its margins taken for log-odds as they are, the expected calibration error would be {Points(before.Error)} percentage points."
            : string.Create(CultureInfo.InvariantCulture, $"A margin m is the probability 1 / (1 + exp(-m / {temperature:0.####})), learned from {calibration.Pairs:N0} pairs by cross-fitting. ")
                + $"Its expected calibration error on these pairs is {Points(after.Error)} percentage points; without the calibration it is {Points(before.Error)}.");
        page.Figure(
            LineChart.Draw("Share of pairs that are ordered rightly over the confidence", "confidence", "pairs ordered rightly, %", [.. after.Parts.Select(Range)],
                [("as observed", [.. after.Parts.Select(part => (Interval?)Observed(part))]), ("as promised", [.. after.Parts.Select(part => (Interval?)new Interval(part.Confidence, part.Confidence, part.Confidence))])]),
            "Pairs by the probability that the answer with the higher score is the preferred one. Calibrated, both curves are one. Lines are 95 % intervals (Wilson).");
        page.Table(["confidence", ">pairs", ">promised", ">observed", ">95 % interval"], after.Parts.Select(part => (IReadOnlyList<string>)
        [
            Range(part), part.Pairs.ToString("N0", CultureInfo.InvariantCulture), Percent(part.Confidence), Percent(part.Right),
            $"{Percent(Observed(part).Low)} to {Percent(Observed(part).High)}",
        ]));
    }

    private static Interval Observed(ReliabilityPart part)
    {
        var wilson = new AccuracyInterval((int)Math.Round(part.Right * part.Pairs, MidpointRounding.AwayFromZero), part.Pairs);
        return new Interval(part.Right, Math.Min(part.Right, wilson.Low), Math.Max(part.Right, wilson.High));
    }

    private static string Range(ReliabilityPart part) => string.Create(CultureInfo.InvariantCulture, $"{100 * part.Low:0}-{100 * part.High:0} %");

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Points(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture);
}
