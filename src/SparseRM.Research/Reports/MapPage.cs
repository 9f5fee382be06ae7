using System.Globalization;
using SparseRM.Research.Maps;

namespace SparseRM.Research.Reports;

/// <summary>Maps of preferred against rejected answers, on the directions and of the dense state.</summary>
public static class MapPage
{
    private const int MostText = 240;

    /// <summary>Lays it out.</summary>
    /// <param name="result">From <see cref="MapStudy"/>.</param>
    /// <param name="about">Model, directions and data, in a line.</param>
    public static HtmlPage Of(MapResult result, string about)
    {
        var page = new HtmlPage("Map of preferred and rejected answers", about);
        page.Verdict(Summary(result));
        foreach (string note in result.Notes) page.Note(char.ToUpperInvariant(note[0]) + note[1..]);
        int[] series = [.. result.Points.Select(point => point.IsChosen ? 0 : 1)];
        string[] texts = [.. result.Points.Select(point => $"{(point.IsChosen ? "preferred" : "rejected")}, line {point.Line}: {Shown(point.Prompt)} / {Shown(point.Answer)}")];
        page.Section("t-SNE");
        page.Figure(ScatterChart.Draw("t-SNE maps of the projected and the dense space", [.. result.Spaces.Select(space => ($"{space.Name}, {Count(space.Width)} dimensions", space.TSne))], series, texts, ["preferred", "rejected"]),
            "Near points are alike; distances between groups mean little. Point at one to read it.");
        page.Section("Principal components");
        page.Figure(ScatterChart.Draw("Principal components of the projected and the dense space", [.. result.Spaces.Select(space => ($"{space.Name}, {Count(space.Width)} dimensions", space.Principal))], series, texts, ["preferred", "rejected"]),
            "The two directions in which each space varies most.");
        page.Section("How far the sides lie apart");
        page.Table(["space", ">dimensions", ">linear probe", ">95 % interval", ">silhouette", ">silhouette on t-SNE", ">silhouette on components", ">trustworthiness", ">KL divergence"], result.Spaces.Select(space => (IReadOnlyList<string>)
        [
            space.Name, Count(space.Width), space.Probe is { } probe ? Percent(probe.Accuracy) : "-", space.Probe is { } ends ? $"{Percent(ends.Low)} to {Percent(ends.High)}" : "-", Number(space.Silhouette),
            Number(space.TSneSilhouette), Number(space.PrincipalSilhouette), Number(space.Trustworthiness), Number(space.Divergence),
        ]));
        page.Note("Linear probe: share of answers that logistic regression puts on the right side, cross-validated over prompts. Silhouette: 1 where each answer is far nearer to its own side, 0 where there is no difference. "
            + "Trustworthiness: 1 where neighbours on the t-SNE map are neighbours in the space; KL divergence: what the map loses. Columns of a space are scaled to deviation 1 before distances are taken.");
        page.Table([">line", "side", "prompt", "answer", .. result.Spaces.SelectMany(space => new[] { $">t-SNE {space.Name}", $">components {space.Name}" })], result.Points.Select((point, i) => (IReadOnlyList<string>)
        [
            point.Line.ToString(CultureInfo.InvariantCulture), point.IsChosen ? "preferred" : "rejected", Shown(point.Prompt), Shown(point.Answer),
            .. result.Spaces.SelectMany(space => new[] { At(space.TSne, i), At(space.Principal, i) }),
        ]), "Every answer as a table");
        return page;
    }

    /// <summary>Which space separates better, as a sentence.</summary>
    public static string Summary(MapResult result)
    {
        var (projected, dense) = (result.Spaces[0], result.Spaces[1]);
        string shown = $"{Count(result.Points.Count)} answers: silhouette {Number(projected.Silhouette)} on {Count(projected.Width)} directions against {Number(dense.Silhouette)} in the dense state";
        if (projected.Probe is not { } a || dense.Probe is not { } b) return shown + ".";
        string verdict = a.Low > b.High ? "the projected space separates better" : b.Low > a.High ? "the dense state separates better" : "their intervals overlap";
        return $"{shown}; a linear probe puts {Percent(a.Accuracy)} against {Percent(b.Accuracy)} on the right side, and {verdict}.";
    }

    private static string At(double[] map, int i) => string.Create(CultureInfo.InvariantCulture, $"{map[2 * i]:0.##}, {map[(2 * i) + 1]:0.##}");

    private static string Shown(string text) => text.ReplaceLineEndings(" ") is { Length: > MostText } longer ? longer[..MostText] + " ..." : text.ReplaceLineEndings(" ");

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
