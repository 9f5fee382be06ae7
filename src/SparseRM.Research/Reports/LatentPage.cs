using System.Globalization;
using SparseRM.Research.Baselines;
using SparseRM.Research.Latents;
using SparseRM.Scoring;

namespace SparseRM.Research.Reports;

/// <summary>The latents behind a reward: which they are, how sure that is, and where they are active.</summary>
public static class LatentPage
{
    private const int Drawn = 12;
    private const double Z = 1.959963984540054, Level = 0.05;

    /// <summary>Lays it out.</summary>
    /// <param name="report">From <see cref="LatentStudy"/>.</param>
    /// <param name="about">What was looked at, in a line.</param>
    /// <param name="overlap">The latents shared with another reward model, and its name; or null.</param>
    public static HtmlPage Of(LatentReport report, string about, (LatentOverlap Overlap, string Other)? overlap)
    {
        var page = new HtmlPage("Latents", about);
        page.Verdict(Summary(report));
        foreach (string note in report.Notes) page.Note(char.ToUpperInvariant(note[0]) + note[1..]);
        page.Section("Separation");
        LatentFacts[] drawn = [.. Side(report, 1).Take(Drawn), .. Side(report, -1).Take(Drawn)];
        page.Figure(IntervalChart.Draw("Separation of the leading latents", "difference of activity, percentage points",
            [.. drawn.Select(facts => ($"{facts.Latent.Latent} ({Name(facts.Latent)})", SeparationOf(facts.Latent), facts.Latent.Sign > 0 ? 0 : 1))], 0),
            "How much more often each is active in preferred (blue) or in rejected (orange) answers, with 95 % intervals for two independent shares.");
        Table(page, report);
        foreach (int sign in (ReadOnlySpan<int>)[1, -1])
        {
            page.Section(sign > 0 ? "Active in preferred answers" : "Active in rejected answers");
            foreach (var facts in Side(report, sign)) Part(page, facts);
        }
        if (overlap is var (shared, other)) Overlap(page, shared, other);
        return page;
    }

    /// <summary>How many latents are beyond chance, as a sentence.</summary>
    public static string Summary(LatentReport report)
    {
        int all = report.Latents.Count;
        if (report.Tested is not { } tested) return $"{Count(all)} latents with the frequencies of the fit; whether they are beyond chance needs data.";
        int sure = report.Latents.Count(facts => facts.Adjusted <= Level);
        return $"{Count(sure)} of {Count(all)} latents separate preferred from rejected answers beyond chance: p at most {Level.ToString(CultureInfo.InvariantCulture)} by an exact permutation test over "
            + $"{Count(report.Prompts!.Value)} prompts, corrected by Holm's method for all {Count(tested)} latents of the SAE.";
    }

    private static void Table(HtmlPage page, LatentReport report) => page.Table(
        [">latent", "more often in", ">preferred", ">rejected", ">separation", ">p", ">p (Holm)", ">stability", "promotes", "explanation"],
        report.Latents.Select(facts => (IReadOnlyList<string>)
        [
            $"{facts.Latent.Latent}", Name(facts.Latent), Share(facts.Latent.ChosenCount, facts.Latent.ChosenSamples), Share(facts.Latent.RejectedCount, facts.Latent.RejectedSamples),
            Percent(facts.Latent.Separation), PValue(facts.P), PValue(facts.Adjusted), facts.Stability is { } stability ? Percent(stability) : "-",
            string.Join(" ", facts.Promoted.Take(4).Select(token => $"'{token.Token}'")), facts.Explanation ?? "",
        ]), $"All {Count(report.Latents.Count)} as a table");

    private static void Part(HtmlPage page, LatentFacts facts)
    {
        string summary = $"{facts.Latent.Latent}: {Percent(facts.Latent.Separation)}" + (facts.Explanation is { } text ? $", {text}" : "")
            + (facts.Contexts.Count > 0 ? $", most at '{facts.Contexts[0].Token}'" : "");
        page.Details(summary, () =>
        {
            if (facts.Contexts.Count > 0)
            {
                page.Marked(facts.Contexts.Select(context => (Number(context.Activation), context.Before, context.Token, context.After,
                    $"{(context.IsChosen ? "preferred" : "rejected")}{(context.Line > 0 ? $", line {context.Line}" : "")}")));
            }
            if (facts.Promoted.Count > 0) page.Paragraph("Promotes " + string.Join(", ", facts.Promoted.Select(token => $"'{token.Token}' {Signed(token.Logit)}")));
            if (facts.Nearest.Count > 0) page.Paragraph("Nearest latents, by cosine: " + string.Join(", ", facts.Nearest.Select(near => $"{near.Latent} ({Number(near.Cosine)})")));
            if (facts.Link is { } link) page.Link(link);
        });
    }

    private static void Overlap(HtmlPage page, LatentOverlap overlap, string other)
    {
        page.Section($"Shared with {other}");
        page.Paragraph(Sentence(overlap, other));
        page.Table([">latent", "here", $"in {other}", ">separation here", $">separation there"], overlap.Shared.Select(shared => (IReadOnlyList<string>)
            [$"{shared.First.Latent}", Name(shared.First), Name(shared.Second), Percent(shared.First.Separation), Percent(shared.Second.Separation)]));
    }

    /// <summary>The overlap in a sentence.</summary>
    public static string Sentence(LatentOverlap overlap, string other) =>
        $"Latents shared with {other}: {Count(overlap.Shared.Count)}, of which {Count(overlap.SameSide)} on the same side (of {Count(overlap.FirstCount)} here and {Count(overlap.SecondCount)} there), Jaccard index {Number(overlap.Jaccard)}"
        + (overlap.Expected is { } expected ? $"; two random choices would share {Number(expected)}." : ".");

    private static IEnumerable<LatentFacts> Side(LatentReport report, int sign) => report.Latents.Where(facts => facts.Latent.Sign == sign);

    private static string Name(DirectionLatent latent) => latent.Sign > 0 ? "preferred" : "rejected";

    /// <summary>A separation with its 95 % interval, the two sides taken as independent.</summary>
    internal static Interval SeparationOf(DirectionLatent latent)
    {
        double chosen = (double)latent.ChosenCount / latent.ChosenSamples, rejected = (double)latent.RejectedCount / latent.RejectedSamples;
        double half = Z * Math.Sqrt((chosen * (1 - chosen) / latent.ChosenSamples) + (rejected * (1 - rejected) / latent.RejectedSamples));
        // Nothing is 0, whichever its sign.
        return new Interval(latent.Separation + 0.0, latent.Separation - half, latent.Separation + half);
    }

    /// <summary>A p-value for people.</summary>
    public static string PValue(double? p) => p switch
    {
        null => "-",
        <= 1e-300 => "< 1e-300",
        < 0.001 => p.Value.ToString("0.0e-0", CultureInfo.InvariantCulture),
        _ => p.Value.ToString("0.###", CultureInfo.InvariantCulture),
    };

    private static string Share(int count, int samples) => $"{Count(count)} of {Count(samples)}";

    // A difference of nothing is 0, whichever its sign.
    private static string Percent(double share) => ((100 * share) + 0.0).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static string Signed(double value) => value.ToString("+0.##;-0.##;0", CultureInfo.InvariantCulture);

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
