using System.Globalization;

namespace SparseRM.Research.Reports;

/// <summary>Two maps side by side, each point with its text.</summary>
public static class ScatterChart
{
    private const int Width = 1000, Side = 462, Top = 34, Left = 10, Gap = 56, Bottom = 40;

    /// <summary>Draws them.</summary>
    /// <param name="label">What they show, for those who cannot see it.</param>
    /// <param name="panels">Title and points of each of the two.</param>
    /// <param name="series">Colour and shape of each point.</param>
    /// <param name="texts">Shown by pointing at a point.</param>
    /// <param name="names">Names of the series.</param>
    public static string Draw(string label, IReadOnlyList<(string Title, double[] Map)> panels, IReadOnlyList<int> series, IReadOnlyList<string> texts, IReadOnlyList<string> names)
    {
        var svg = new Svg(Width, Top + Side + Bottom, label);
        // Neither side lies on top of the other: points are drawn in a mixed order that does not depend on the data.
        int[] order = [.. Enumerable.Range(0, series.Count).OrderBy(i => (uint)(i * 2654435761u)).ThenBy(i => i)];
        for (int panel = 0; panel < panels.Count; panel++)
        {
            double left = Left + (panel * (Side + Gap)), size = series.Count > 400 ? 2.6 : 3.6, room = size + 4;
            double[] map = panels[panel].Map;
            double lowX = double.MaxValue, highX = double.MinValue, lowY = double.MaxValue, highY = double.MinValue;
            for (int i = 0; i < map.Length; i += 2)
            {
                (lowX, highX) = (Math.Min(lowX, map[i]), Math.Max(highX, map[i]));
                (lowY, highY) = (Math.Min(lowY, map[i + 1]), Math.Max(highY, map[i + 1]));
            }
            // One scale for both axes: distances are what a map is about.
            double scale = (Side - (2 * room)) / Math.Max(Math.Max(highX - lowX, highY - lowY), 1e-12), middleX = (lowX + highX) / 2, middleY = (lowY + highY) / 2;
            svg.Text(left, Top - 12, panels[panel].Title, "name");
            foreach (var (x1, y1, x2, y2) in new[] { (0, 0, 1, 0), (0, 1, 1, 1), (0, 0, 0, 1), (1, 0, 1, 1) })
                svg.Line(left + (x1 * Side), Top + (y1 * Side), left + (x2 * Side), Top + (y2 * Side), "grid");
            foreach (int i in order)
                svg.Marker(left + (Side / 2.0) + ((map[2 * i] - middleX) * scale), Top + (Side / 2.0) - ((map[(2 * i) + 1] - middleY) * scale), series[i], texts[i], size);
        }
        double at = Left + 6;
        for (int s = 0; s < names.Count; s++)
        {
            svg.Marker(at, Top + Side + 22, s, names[s]);
            svg.Text(at + 14, Top + Side + 27, names[s], "tick");
            at += 40 + (9.0 * names[s].Length);
        }
        return svg.ToString();
    }
}
