using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Research.Reports;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary>How far a reward file's probabilities hold on some pairs.</summary>
/// <param name="Temperature">The reward file's.</param>
/// <param name="Probability">Mean probability that it gives to the preferred answer of a pair.</param>
/// <param name="ErrorBefore">Expected calibration error at temperature 1.</param>
/// <param name="ErrorAfter">The same at the reward file's.</param>
internal sealed record Calibrated(double Temperature, double Probability, double ErrorBefore, double ErrorAfter)
{
    public static Calibrated? Of(RewardMeasurement measured, ScoreCalibration calibration)
    {
        double[] margins = [.. measured.Margins.Select(pair => pair.Margin)];
        return margins.Length == 0 ? null : new Calibrated(
            calibration.Temperature, margins.Average(calibration.OfMargin), Reliability.Of(margins, 1).Error, Reliability.Of(margins, calibration.Temperature).Error);
    }

    public string Sentence() =>
        FormattableString.Invariant($"Probabilities: the preferred answer gets {Tables.Percent(Probability)} on average; expected calibration error {100 * ErrorAfter:F1} points (without the calibration {100 * ErrorBefore:F1}).");

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("calibration");
        new Report().Add("temperature", Temperature).Add("probability", Probability).Add("error_before", ErrorBefore).Add("error_after", ErrorAfter).WriteTo(json);
        json.WriteEndObject();
    }
}
