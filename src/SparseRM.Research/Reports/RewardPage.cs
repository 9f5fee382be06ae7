using System.Globalization;
using SparseRM.Data.Evaluation;
using SparseRM.Research.Baselines;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Research.Reports;

/// <summary>A reward model's card: what it was fitted on, which directions carry it, and how it does on pairs.</summary>
public static class RewardPage
{
    private const int ShownLatents = 12, ShownMistakes = 10, MostText = 160;

    /// <summary>Lays it out.</summary>
    /// <param name="name">The reward model's name.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="facts">Facts of the whole and of each component, as name and value, under a heading.</param>
    /// <param name="measured">What it makes of pairs, or null.</param>
    public static HtmlPage Of(
        string name, RewardModel reward, IReadOnlyList<(string Heading, IReadOnlyList<(string Name, string Value)> Facts)> facts, RewardMeasurement? measured)
    {
        var identity = reward.Metadata.Identity;
        var page = new HtmlPage($"Reward model {name}", $"for {identity.ModelName}, residual stream after block {identity.Layer}, position {identity.Position.ToString().ToLowerInvariant()}");
        page.Verdict(Summary(reward, measured));
        if (measured is not null) Measured(page, measured, reward.Calibration);
        foreach (var component in reward.Components) Directions(page, component, reward.Components.Count > 1);
        foreach (var (heading, rows) in facts)
        {
            page.Section(heading);
            page.Table(["", ""], rows.Select(row => (IReadOnlyList<string>)[row.Name, row.Value]));
        }
        page.Section("What this page does not say");
        page.Paragraph("An accuracy holds for pairs like those that it was measured on. A score by itself is no probability, and scores of different reward models have different scales. "
            + "That a direction goes with preferred answers does not say that it causes the preference; a plain probe on the same states may do as well, which the command baselines tests.");
        return page;
    }

    private static string Summary(RewardModel reward, RewardMeasurement? measured)
    {
        var own = reward.Metadata;
        if (measured is not null)
        {
            var at = IntervalOf(measured.Result.Pairs);
            return $"It orders {Percent(at.Value)} of {Count(measured.Result.Pairs.Total)} pairs of {Path.GetFileName(measured.Data.Path)} rightly (95 % interval {Percent(at.Low)} to {Percent(at.High)}; a tie is wrong)."
                + (reward.Components.Any(component => component.Metadata.DataHash == measured.Data.DataHash) ? " These are the pairs that it was fitted on, so the number flatters." : "");
        }
        return own.HeldOutAccuracy is { } heldOut
            ? $"It orders {Percent(heldOut)} of {Count(own.HeldOutPairs)} held-out pairs rightly. They chose the epoch, so the number flatters a little; measure it on other pairs."
            : "No pair was held out of its fit, and none was given to measure it on, so nothing is known of its accuracy.";
    }

    private static void Measured(HtmlPage page, RewardMeasurement measured, ScoreCalibration? calibration)
    {
        double[] margins = [.. measured.Margins.Select(pair => pair.Margin)];
        var parts = HistogramChart.Count(margins);
        page.Section("Margins");
        page.Figure(HistogramChart.Draw("How much higher the preferred answer scores", "score of the preferred answer less that of the other", parts),
            $"{Count(margins.Length)} pairs; those below 0 (orange) are ordered wrongly.");
        page.Table([">from", ">to", ">pairs"], parts.Where(part => part.Count > 0).Select(part => (IReadOnlyList<string>)[Number(part.Low), Number(part.High), Count(part.Count)]), "The same as a table");
        ReliabilitySection.Add(page, margins, calibration);
        if (measured.Result.BySubset.Count > 1)
        {
            page.Section("By subset");
            (string Name, Interval Estimate, int Series)[] rows = [.. measured.Result.BySubset.Select(subset => (subset.Subset, IntervalOf(subset.Pairs), 0))];
            page.Figure(IntervalChart.Draw("Accuracy by subset", "pairs ordered rightly, %", rows), "Lines are 95 % intervals (Wilson).");
            page.Table(["subset", ">accuracy", ">95 % interval", ">pairs"], measured.Result.BySubset.Zip(rows).Select(row => (IReadOnlyList<string>)
                [row.First.Subset, Percent(row.Second.Estimate.Value), $"{Percent(row.Second.Estimate.Low)} to {Percent(row.Second.Estimate.High)}", Count(row.First.Pairs.Total)]));
        }
        PairMargin[] mistakes = [.. measured.Margins.Where(pair => pair.Margin <= 0).OrderBy(pair => pair.Margin).Take(ShownMistakes)];
        if (mistakes.Length == 0) return;
        page.Section("The largest mistakes");
        page.Note("A pair that is ordered wrongly by much may be labelled wrongly: read it.");
        page.Table([">line", "prompt", "preferred", "scores higher", ">margin"], mistakes.Select(pair =>
        {
            var item = measured.Data.Items[pair.Item];
            return (IReadOnlyList<string>)[item.Line.ToString(CultureInfo.InvariantCulture), Shown(item.Prompt), Shown(item.Chosen[pair.Chosen]),
                Shown(item.Rejected[pair.Rejected]), Number(pair.Margin)];
        }));
    }

    private static void Directions(HtmlPage page, RewardComponent component, bool isOne)
    {
        var latents = component.Input.Latents;
        page.Section(isOne ? $"Directions of {component.Name}" : "Directions");
        if (latents.Count == 0)
        {
            page.Paragraph($"The head reads {(component.Input.Kind == HeadInputKind.Dense ? "the dense state" : "random directions")}, so there are no latents to name.");
            return;
        }
        Separations(page, latents);
    }

    /// <summary>How much more often the leading latents are active in one kind of answer, as a plot and a table.</summary>
    public static void Separations(HtmlPage page, IReadOnlyList<DirectionLatent> latents)
    {
        DirectionLatent[] shown = [.. new[] { 1, -1 }.SelectMany(sign => latents.Where(latent => latent.Sign == sign).Take(ShownLatents))];
        page.Figure(IntervalChart.Draw("Separation of the leading latents", "difference of activity, percentage points",
            [.. shown.Select(latent => ($"{latent.Latent} ({(latent.Sign > 0 ? "preferred" : "rejected")})", LatentPage.SeparationOf(latent), latent.Sign > 0 ? 0 : 1))], 0),
            $"{shown.Length} of {latents.Count} latents: how much more often each was active in preferred (blue) or in rejected (orange) answers of the training pairs, with 95 % intervals for two independent shares. "
            + "They were chosen for being large, so new pairs will show somewhat less.");
        page.Table([">latent", "more often in", ">preferred", ">rejected", ">separation"], shown.Select(latent => (IReadOnlyList<string>)
        [
            $"{latent.Latent}", latent.Sign > 0 ? "preferred" : "rejected", $"{Count(latent.ChosenCount)} of {Count(latent.ChosenSamples)}",
            $"{Count(latent.RejectedCount)} of {Count(latent.RejectedSamples)}", Percent(latent.Separation),
        ]));
    }

    private static Interval IntervalOf(AccuracyCount count)
    {
        var wilson = new AccuracyInterval(checked((int)count.Correct), checked((int)count.Total));
        return new Interval(wilson.Accuracy, wilson.Low, wilson.High);
    }

    private static string Shown(IReadOnlyList<Message> messages)
    {
        string text = string.Join(" / ", messages.Select(message => message.Content)).ReplaceLineEndings(" ");
        return text.Length <= MostText ? text : text[..MostText] + " ...";
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
