using System.Globalization;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reproduction;

namespace SparseRM.Research.Reports;

/// <summary>The paper's tables beside what was measured.</summary>
public static class PaperPage
{
    /// <summary>Lays it out.</summary>
    /// <param name="result">From <see cref="PaperReproduction"/>.</param>
    /// <param name="about">Model and SAE, in a line.</param>
    public static HtmlPage Of(PaperResult result, string about)
    {
        var page = new HtmlPage("The paper's tables, repeated", about);
        page.Verdict(result.Verdict);
        foreach (string note in result.Notes) page.Note(char.ToUpperInvariant(note[0]) + note[1..]);
        foreach (var table in result.Rows.GroupBy(row => row.Table))
        {
            page.Section(char.ToUpperInvariant(table.Key[0]) + table.Key[1..]);
            PaperRow[] rows = [.. table];
            (string Name, Interval Estimate, int Series)[] drawn =
            [
                .. rows[0].Cells.SelectMany((cell, column) => rows.Where(row => row.Cells[column].Here is not null)
                    .Select(row => ($"{cell.Column}, {row.Name}", row.Cells[column].Here!.Value, column))),
            ];
            if (drawn.Length > 0) page.Figure(IntervalChart.Draw(table.Key, "test pairs ordered rightly, %", drawn), "What was measured here, with 95 % intervals; colours are tasks.");
            page.Table(["", .. rows[0].Cells.SelectMany(cell => new[] { $">{cell.Column}, published", ">here" })],
                rows.Select(row => (IReadOnlyList<string>)[row.Name, .. row.Cells.SelectMany(cell => new[] { PublishedOf(cell), HereOf(cell) })]));
            foreach (string missing in rows.Select(row => row.Missing).OfType<string>().Distinct()) page.Note($"Not run: {missing}.");
        }
        return page;
    }

    /// <summary>The published number, or a dash.</summary>
    public static string PublishedOf(PaperCell cell) => cell.Published is { } published ? Percent(published) : "-";

    /// <summary>The measured number with its interval, or a dash.</summary>
    public static string HereOf(PaperCell cell) => cell.Here is { } here ? $"{Percent(here.Value)} ({Percent(here.Low)} to {Percent(here.High)})" : "-";

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
