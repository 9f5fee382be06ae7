using System.Globalization;

namespace SparseRM.Research.Reports;

/// <summary>How often values fall into parts of equal width; those below 0 have a colour of their own.</summary>
public static class HistogramChart
{
    private const int Width = 1000, Height = 380, Left = 70, Right = 40, Top = 30, Bottom = 66, Bars = 30;

    /// <summary>Counts values in about thirty parts, one of whose ends is 0.</summary>
    /// <param name="values">At least one, finite.</param>
    /// <returns>The parts in order: lower end, upper end and count.</returns>
    public static IReadOnlyList<(double Low, double High, int Count)> Count(IReadOnlyList<double> values)
    {
        double low = Math.Min(0, values.Min()), high = Math.Max(0, values.Max());
        double step = Math.Max((high - low) / Bars, 1e-9);
        int below = (int)Math.Ceiling(-low / step), above = Math.Max(1, (int)Math.Floor(high / step) + 1);
        var counts = new int[below + above];
        foreach (double value in values) counts[Math.Clamp((int)Math.Floor(value / step) + below, 0, counts.Length - 1)]++;
        return [.. counts.Select((count, i) => ((i - below) * step, (i + 1 - below) * step, count))];
    }

    /// <summary>Draws it.</summary>
    /// <param name="label">What it shows, for those who cannot see it.</param>
    /// <param name="axis">Under the axis.</param>
    /// <param name="parts">From <see cref="Count"/>.</param>
    public static string Draw(string label, string axis, IReadOnlyList<(double Low, double High, int Count)> parts)
    {
        var svg = new Svg(Width, Height, label);
        double low = parts[0].Low, high = parts[^1].High;
        int most = Math.Max(1, parts.Max(part => part.Count));
        double X(double value) => Left + ((value - low) / (high - low) * (Width - Left - Right));
        double Y(double count) => Height - Bottom - (count / most * (Height - Top - Bottom));
        foreach (double tick in Svg.Ticks(0, most).Where(tick => tick == Math.Floor(tick)))
        {
            svg.Line(Left, Y(tick), Width - Right, Y(tick), "grid");
            svg.Text(Left - 10, Y(tick) + 5, tick.ToString("N0", CultureInfo.InvariantCulture), "tick", "end");
        }
        foreach (double tick in Svg.Ticks(low, high)) svg.Text(X(tick), Height - Bottom + 22, tick.ToString("0.###", CultureInfo.InvariantCulture), "tick", "middle");
        foreach (var part in parts)
        {
            if (part.Count == 0) continue;
            svg.Bar(X(part.Low) + 1, Y(part.Count), X(part.High) - X(part.Low) - 2, Height - Bottom - Y(part.Count), part.High <= 0 ? 1 : 0,
                string.Create(CultureInfo.InvariantCulture, $"{part.Low:0.###} to {part.High:0.###}: {part.Count:N0}"));
        }
        svg.Line(X(0), Top - 8, X(0), Height - Bottom, "zero");
        svg.Text((Left + Width - Right) / 2.0, Height - 14, axis, "axis", "middle");
        return svg.ToString();
    }
}
