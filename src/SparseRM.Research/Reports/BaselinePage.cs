using System.Globalization;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Reports;

/// <summary>The page of a comparison with baselines.</summary>
public static class BaselinePage
{
    /// <summary>Lays it out.</summary>
    /// <param name="table">What was found.</param>
    /// <param name="about">Model, SAE and data, in a line.</param>
    public static HtmlPage Of(BaselineTable table, string about)
    {
        var page = new HtmlPage("Sparse directions beside plain baselines", about);
        page.Verdict(table.Verdict);
        foreach (string note in table.Notes) page.Note(note);
        foreach (var regime in table.Rows.GroupBy(row => row.Regime))
        {
            var rows = regime.ToArray();
            page.Section(Regime.Describe(regime.Key));
            string pairs = string.Create(CultureInfo.InvariantCulture, $"{rows[0].TrainingPairs:N0} training pairs, {rows[0].TestPairs:N0} test pairs");
            page.Figure(
                IntervalChart.Draw($"Accuracy of {rows.Length} methods under {regime.Key}", "test pairs ordered rightly, %",
                    [.. rows.Select(row => (row.Name, row.Accuracy, row.Name == BaselineStudy.Directions ? 0 : row.Name == table.DenseProbe ? 1 : 7))]),
                $"{pairs}. Lines are 95 % intervals. The directions are blue; the dense probe that validation chose is orange.");
            page.Table(["method", ">accuracy", ">95 % interval", ">to the directions", ">95 % interval"], rows.Select(row => (IReadOnlyList<string>)
            [
                row.Name, Percent(row.Accuracy.Value), $"{Percent(row.Accuracy.Low)} to {Percent(row.Accuracy.High)}",
                row.Difference is { } by ? Points(by.Value) : "", row.Difference is { } range ? $"{Points(range.Low)} to {Points(range.High)}" : "",
            ]));
        }
        page.Note("Accuracies are means over the draws; differences are paired over test prompts and draws. What a method chooses it chooses among its training pairs.");
        return page;
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Points(double share) => (100 * share).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);
}
