using System.Globalization;
using SparseRM.Research.Baselines;
using SparseRM.Research.Robustness;

namespace SparseRM.Research.Reports;

/// <summary>The page of a study of robustness.</summary>
public static class RobustnessPage
{
    private const int MostText = 120, MostLabel = 32;

    /// <summary>Lays it out.</summary>
    /// <param name="table">What was found.</param>
    /// <param name="about">Model, SAE and data, in a line.</param>
    public static HtmlPage Of(RobustnessTable table, string about)
    {
        var page = new HtmlPage("Robustness of the fit", about);
        page.Verdict(table.Summary);
        foreach (string note in table.Notes) page.Note(note);
        foreach (var study in table.Rows.GroupBy(row => row.Study)) Study(page, study.Key, [.. study]);
        Changes(page, table.Stability);
        Suspects(page, table);
        page.Note("Accuracies are means over the draws; changes are paired over test prompts and draws. Accuracy depends on the labels of the test pairs, which are taken as they are.");
        return page;
    }

    private static void Study(HtmlPage page, string name, RobustnessRow[] rows)
    {
        page.Section(char.ToUpperInvariant(name[0]) + name[1..]);
        foreach (var kind in rows.GroupBy(row => (row.Condition, row.TestedOn))
            .Where(kind => kind.First().Share is not null && kind.Select(row => row.Share).Distinct().Count() > 1)) Curve(page, name, [.. kind]);
        var single = rows.GroupBy(row => (row.Condition, row.TestedOn)).Where(kind => kind.Select(row => row.Share).Distinct().Count() == 1).SelectMany(kind => kind).ToArray();
        if (single.Length > 0)
        {
            string[] losses = [.. single.Select(row => row.Loss).Distinct()];
            bool several = single.Select(row => row.Condition).Distinct().Count() > 1;
            page.Figure(IntervalChart.Draw($"Accuracy: {name}", "test pairs ordered rightly, %", [.. single.Select(row =>
                (row.Loss == losses[0] ? Label(several ? $"{row.Condition}: {row.TestedOn}" : row.TestedOn) : "", row.Accuracy, Array.IndexOf(losses, row.Loss)))]),
                $"From above in each group: {string.Join(", ", losses)}. Lines are 95 % intervals.");
        }
        page.Table(["condition", "tested on", "loss", ">accuracy", ">95 % interval", ">change", ">95 % interval", ">training pairs", ">test pairs"], rows.Select(row => (IReadOnlyList<string>)
        [
            Described(row), row.TestedOn, row.Loss, Percent(row.Accuracy.Value), Ends(row.Accuracy, Percent), row.Change is { } by ? RobustnessSummary.Points(by.Value) : "",
            row.Change is { } range ? Ends(range, RobustnessSummary.Points) : "", Count(row.TrainingPairs), Count(row.TestPairs),
        ]));
    }

    private static void Curve(HtmlPage page, string name, RobustnessRow[] rows)
    {
        double[] shares = [.. rows.Select(row => row.Share!.Value).Distinct().Order()];
        page.Figure(LineChart.Draw($"Accuracy over the share: {name}, {rows[0].Condition}", $"share of the pairs ({rows[0].Condition})", "test pairs ordered rightly, %",
            [.. shares.Select(share => Share(share))],
            [.. rows.GroupBy(row => row.Loss).Select(loss => (loss.Key,
                (IReadOnlyList<Interval?>)[.. shares.Select(share => loss.Where(row => row.Share == share).Select(row => (Interval?)row.Accuracy).FirstOrDefault())]))]),
            $"{char.ToUpperInvariant(rows[0].Condition[0])}{rows[0].Condition[1..]}, tested on {rows[0].TestedOn}. Lines are 95 % intervals.");
    }

    private static void Changes(HtmlPage page, IReadOnlyList<StabilityRow> rows)
    {
        page.Section("Changed answers");
        page.Paragraph("The head is not fitted again. Flipped: the order of a pair is another when both answers are changed. Gained: a rejected answer that was rightly below wins when it alone is changed. "
            + "Shift: of a score, in standard deviations over unchanged answers.");
        page.Figure(IntervalChart.Draw("Pairs whose order is another when both answers are changed", "pairs, %", [.. rows.Select(row => (row.Change, row.Flipped, 0))], 0), "Lines are 95 % intervals (Wilson).");
        page.Table(["change", ">flipped", ">95 % interval", ">gained", ">95 % interval", ">shift", "latents that flip most (pairs; shift)"], rows.Select(row => (IReadOnlyList<string>)
        [
            row.Change, Percent(row.Flipped.Value), Ends(row.Flipped, Percent), row.Gained is { } gained ? Percent(gained.Value) : "",
                row.Gained is { } range ? Ends(range, Percent) : "", Number(row.Shift),
            string.Join("; ", row.Directions.Select(direction => $"{direction.Latent} ({Percent(direction.Flipped)}; {Number(direction.Shift)})")),
        ]));
    }

    private static void Suspects(HtmlPage page, RobustnessTable table)
    {
        page.Section("Suspect training pairs");
        page.Paragraph("Pairs whose labels heads doubt that had not seen their prompts, worst first: read them. How well that finds pairs which were exchanged on purpose, a fifth of all:");
        page.Table(["ordered by", ">AUROC", ">found among as many"], table.Findings.Select(finding => (IReadOnlyList<string>)[finding.By, finding.Auroc.ToString("F3", CultureInfo.InvariantCulture), Percent(finding.Found)]));
        page.Table([">line", "prompt", "preferred", "rejected", ">probability", ">salience"], table.Suspects.Select(pair => (IReadOnlyList<string>)
            [Count(pair.Line), Short(pair.Prompt), Short(pair.Chosen), Short(pair.Rejected), pair.Probability.ToString("F3", CultureInfo.InvariantCulture), Number(pair.Salience)]));
    }

    /// <summary>A condition with its share.</summary>
    public static string Described(RobustnessRow row) => row.Share is { } share ? $"{row.Condition}, {Share(share)}" : row.Condition;

    private static string Label(string text) => text.Length <= MostLabel ? text : text[..MostLabel] + "...";

    private static string Share(double share) => (100 * share).ToString("0.#", CultureInfo.InvariantCulture) + " %";

    private static string Ends(Interval interval, Func<double, string> write) => $"{write(interval.Low)} to {write(interval.High)}";

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Short(string text) => text.ReplaceLineEndings(" ") is var line && line.Length <= MostText ? line : line[..MostText] + " ...";
}
