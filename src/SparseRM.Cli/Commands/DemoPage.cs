using System.Globalization;
using SparseRM.Cli.Terminal;
using SparseRM.Data.Evaluation;
using SparseRM.Demo;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary>What the demo found as a page of plots; its tables stand below the plots that show them.</summary>
internal static class DemoPage
{
    /// <summary>Lays it out.</summary>
    public static HtmlPage Of(DemoResult result)
    {
        var reward = result.Fit.Reward;
        var page = new HtmlPage($"SparseRM's demo: {result.Options.Task}", "MiniWorld, a language model of 2.8 million parameters, and a reward made of its own hidden states");
        foreach (string sentence in DemoTables.Comparisons(result)) page.Verdict(sentence);
        Directions(page, result);
        Accuracies(page, result);
        Answers(page, result.Example);
        page.Section("The same with your own model, SAE and pairs");
        foreach (string line in DemoTables.OwnCommands) page.Paragraph(line);
        page.Note($"K = {result.Options.K}, seed {result.Options.Seed}, {Tables.Count(result.Fit.Head.TrainingPairs)} pairs trained on, "
            + $"{Tables.Count(result.Fit.Head.HeldOutPairs)} held out; residual stream after block {reward.Metadata.Identity.Layer}.");
        return page;
    }

    private static void Directions(HtmlPage page, DemoResult result)
    {
        page.Section("1. Directions");
        page.Paragraph(DemoTables.OfDirections(result));
        RewardPage.Separations(page, result.Fit.Reward.Input.Latents);
    }

    private static void Accuracies(HtmlPage page, DemoResult result)
    {
        page.Section("2. Head");
        page.Paragraph(DemoTables.OfHead(result));
        DemoRow[] rows = [.. result.Rows, .. result.FewPairs];
        page.Figure(IntervalChart.Draw("Accuracy by what the head sees", "pairs ordered rightly, %",
            [.. rows.SelectMany(row => new[] { (Name(row), Estimate(row.Test), 0), ("other wordings", Estimate(row.Shift), 1) })]),
            $"Pairs of the same kind (blue) and in other wordings (orange). Lines are 95 % intervals; for random directions the range of {MiniWorldDemo.RandomDraws} draws about their mean.");
        page.Table(["the head sees", ">K", ">pairs", ">test", ">shift"], rows.Select(row => (IReadOnlyList<string>)
            [row.Input, $"{row.K}", Tables.Count(row.Pairs), DemoTables.Shown(row.Test), DemoTables.Shown(row.Shift)]), "The same as a table");
    }

    private static void Answers(HtmlPage page, DemoExample example)
    {
        page.Section("3. A score and its reasons");
        page.Paragraph($"The question: {example.Question}");
        var (right, wrong) = (example.Right, example.Wrong);
        int tokens = Math.Max(right.Tokens.Count, wrong.Tokens.Count);
        page.Figure(LineChart.Draw("Score after each token of the two answers", "token of the right answer / of the wrong one where it is another", "score",
            [.. Enumerable.Range(0, tokens).Select(i => Token(right, wrong, i))],
            [("right answer", Scores(right, tokens)), ("wrong answer", Scores(wrong, tokens))], scale: 1),
            $"\"{right.Text}\" scores {Tables.Signed(right.Explanation.Score)}, \"{wrong.Text}\" {Tables.Signed(wrong.Explanation.Score)}. {DemoTables.Parting(example)}");
        var gaps = DemoTables.Gaps(example);
        page.Figure(IntervalChart.Draw("Shares of the directions in the gap between the two scores", "share of the gap",
            [.. gaps.Rows.Select(row => ($"{row.Right.Latent?.Latent} ({DemoTables.Preferred(row.Right.Latent?.Sign ?? 0)})", Point(row.Gap), row.Gap >= 0 ? 0 : 1))], mark: 0, scale: 1),
            string.Create(CultureInfo.InvariantCulture, $"The latents above and those with the largest shares; the {gaps.Others} others come to {gaps.OfOthers:+0.0000;-0.0000}, all to {gaps.All:+0.0000;-0.0000}, the gap."));
    }

    private static string Token(DemoAnswer right, DemoAnswer wrong, int i)
    {
        string? first = i < right.Tokens.Count ? DemoTables.Shown(right.Tokens[i].Text) : null, second = i < wrong.Tokens.Count ? DemoTables.Shown(wrong.Tokens[i].Text) : null;
        return first == second ? first! : $"{first ?? "-"} / {second ?? "-"}";
    }

    private static Interval?[] Scores(DemoAnswer answer, int tokens) =>
        [.. Enumerable.Range(0, tokens).Select(i => i < answer.Tokens.Count ? Point(answer.Tokens[i].Score) : (Interval?)null)];

    private static string Name(DemoRow row) => $"{row.Input}, {Tables.Count(row.Pairs)} pairs";

    private static Interval Point(double value) => new(value, value, value);

    /// <summary>One draw's share with its Wilson interval, or the mean of several with their range.</summary>
    private static Interval Estimate(IReadOnlyList<AccuracyCount> draws)
    {
        if (draws.Count > 1) return new Interval(draws.Average(draw => draw.Accuracy), draws.Min(draw => draw.Accuracy), draws.Max(draw => draw.Accuracy));
        var one = new AccuracyInterval(checked((int)draws[0].Correct), checked((int)draws[0].Total));
        return new Interval(one.Accuracy, one.Low, one.High);
    }
}
