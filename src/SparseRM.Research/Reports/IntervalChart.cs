using System.Globalization;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Reports;

/// <summary>Estimates with their intervals, one below the other.</summary>
public static class IntervalChart
{
    private const int Width = 1000, Left = 250, Right = 90, RowHeight = 30, Top = 28, Bottom = 58;

    /// <summary>Draws it.</summary>
    /// <param name="label">What it shows, for those who cannot see it.</param>
    /// <param name="axis">Under the axis.</param>
    /// <param name="rows">Name, estimate, and which of the colours.</param>
    /// <param name="mark">A value at which a line is drawn, or null.</param>
    /// <param name="scale">What the estimates are shown times: 100 for shares in per cent.</param>
    public static string Draw(string label, string axis, IReadOnlyList<(string Name, Interval Estimate, int Series)> rows, double? mark = null, double scale = 100)
    {
        int height = Top + (rows.Count * RowHeight) + Bottom;
        double low = rows.Min(row => row.Estimate.Low), high = rows.Max(row => row.Estimate.High);
        if (mark is { } at) (low, high) = (Math.Min(low, at), Math.Max(high, at));
        double room = Math.Max(0.04 * (high - low), 0.002);
        (low, high) = (low - room, high + room);
        var svg = new Svg(Width, height, label);
        double X(double value) => Left + ((value - low) / (high - low) * (Width - Left - Right));
        double end = Top + (rows.Count * RowHeight);
        foreach (double tick in Svg.Ticks(low, high))
        {
            svg.Line(X(tick), Top - 8, X(tick), end, "grid");
            svg.Text(X(tick), end + 20, (scale * tick).ToString("0.##", CultureInfo.InvariantCulture), "tick", "middle");
        }
        if (mark is { } line) svg.Line(X(line), Top - 8, X(line), end, "zero");
        for (int i = 0; i < rows.Count; i++)
        {
            var (name, estimate, series) = rows[i];
            double y = Top + ((i + 0.5) * RowHeight);
            svg.Text(Left - 14, y + 5, name, "name", "end");
            svg.Line(X(estimate.Low), y, X(estimate.High), y, $"bar s{series % Svg.Series}");
            svg.Marker(X(estimate.Value), y, series, $"{name}: {Svg.Shown(estimate, scale)}");
            svg.Text(Width - Right + 24, y + 5, Svg.Shown(estimate.Value, scale), "tick");
        }
        svg.Text((Left + Width - Right) / 2.0, height - 14, axis, "axis", "middle");
        return svg.ToString();
    }
}
