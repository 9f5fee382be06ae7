using System.Globalization;
using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Research.Sweeps;
using SparseRM.Scoring;

namespace SparseRM.Research.Reports;

/// <summary>The page of a sweep: a plot for each setting that was swept over, and every mean over seeds in a table.</summary>
public static class SweepPage
{
    /// <summary>Every setting by name and its value in a few words.</summary>
    public static IReadOnlyList<(string Name, Func<SweepSetting, string> Of)> Axes => s_axes;

    /// <summary>The settings of which there are several values.</summary>
    public static IReadOnlyList<(string Name, Func<SweepSetting, string> Of)> Swept(SweepResult result) =>
        [.. s_axes.Where(axis => result.Runs.Select(run => axis.Of(run.Setting)).Distinct().Count() > 1)];

    private static readonly (string Name, Func<SweepSetting, string> Of)[] s_axes =
    [
        ("K", setting => setting.K?.ToString(CultureInfo.InvariantCulture) ?? "dense"), ("layer", setting => setting.Layer.ToString(CultureInfo.InvariantCulture)),
        ("position", setting => setting.Position.ToString().ToLowerInvariant()), ("loss", setting => PreferenceLoss.Name(setting.Loss)),
        ("SAE", setting => setting.Sae is { } path ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path)) : "none"), ("head input", setting => HeadInput.Name(setting.Input)),
        ("hidden units", setting => setting.HiddenUnits.ToString(CultureInfo.InvariantCulture)),
        ("pairs", setting => setting.Pairs == 0 ? "all" : setting.Pairs.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>Lays it out.</summary>
    /// <param name="result">What was found.</param>
    /// <param name="about">Model and data, in a line.</param>
    public static HtmlPage Of(SweepResult result, string about)
    {
        var page = new HtmlPage("Accuracy over the settings of a fit", about);
        if (result.Chosen is { } chosen)
        {
            page.Verdict($"Held-out pairs choose {Describe(chosen.Setting)}; on the test pairs, which had no say in that, it orders "
                + $"{Percent(chosen.Accuracy.Value)} rightly (95 % interval {Percent(chosen.Accuracy.Low)} to {Percent(chosen.Accuracy.High)}).");
        }
        foreach (string note in result.Notes) page.Note(note);
        var swept = Swept(result);
        foreach (var axis in swept) Chart(page, result, axis, Series(result, axis, swept));
        page.Section("Every setting");
        page.Table([.. s_axes.Select(axis => axis.Name), ">seeds", ">accuracy", ">95 % interval", ">held-out"], result.Summaries.Select(summary => (IReadOnlyList<string>)
        [
            .. s_axes.Select(axis => axis.Of(summary.Setting)), $"{summary.Seeds}", Percent(summary.Accuracy.Value),
            $"{Percent(summary.Accuracy.Low)} to {Percent(summary.Accuracy.High)}", summary.HeldOutAccuracy is { } heldOut ? Percent(heldOut) : "-",
        ]), swept.Count > 0 ? $"{result.Summaries.Count} settings, means over their seeds" : null);
        return page;
    }

    /// <summary>A setting in a few words.</summary>
    public static string Describe(SweepSetting setting) => string.Join(", ", s_axes.Select(axis => $"{axis.Name} {axis.Of(setting)}"));

    /// <summary>The other setting with the most values, of those that can be told apart by colour.</summary>
    private static (string Name, Func<SweepSetting, string> Of)? Series(
        SweepResult result, (string Name, Func<SweepSetting, string> Of) across, IReadOnlyList<(string Name, Func<SweepSetting, string> Of)> swept) => swept
        .Where(axis => axis.Name != across.Name && Values(result, axis).Length <= Svg.Series)
        .Select(axis => ((string Name, Func<SweepSetting, string> Of)?)axis).MaxBy(axis => Values(result, axis!.Value).Length);

    private static string[] Values(SweepResult result, (string Name, Func<SweepSetting, string> Of) axis) => [.. result.Runs.Select(run => axis.Of(run.Setting)).Distinct()];

    private static void Chart(
        HtmlPage page, SweepResult result, (string Name, Func<SweepSetting, string> Of) across, (string Name, Func<SweepSetting, string> Of)? series)
    {
        string[] values = Values(result, across), names = series is { } given ? Values(result, given) : ["all runs"];
        var curves = names.Select(name => (Name: series is null ? name : $"{series.Value.Name} {name}", Estimates: (IReadOnlyList<Interval?>)[.. values.Select(value =>
        {
            SweepRun[] runs = [.. result.Runs.Where(run => across.Of(run.Setting) == value && (series is null || series.Value.Of(run.Setting) == name))];
            return runs.Length == 0 ? (Interval?)null : SweepResult.MeanOf(runs);
        })])).ToArray();
        page.Section($"Over {across.Name}");
        page.Figure(LineChart.Draw($"Accuracy over {across.Name}", across.Name, "test pairs ordered rightly, %", values, curves),
            $"Each point is the mean over all runs with that {across.Name}{(series is null ? "" : $" and {series.Value.Name}")}: over seeds and all other settings. Lines are 95 % intervals.");
        page.Table([across.Name, .. curves.Select(curve => $">{curve.Name}")], values.Select((value, i) => (IReadOnlyList<string>)
            [value, .. curves.Select(curve => curve.Estimates[i] is { } estimate ? $"{Percent(estimate.Value)} ({Percent(estimate.Low)} to {Percent(estimate.High)})" : "-")]));
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
