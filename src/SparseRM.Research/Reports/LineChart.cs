using System.Globalization;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Reports;

/// <summary>Estimates with their intervals over the values of a setting, one curve a series.</summary>
public static class LineChart
{
    private const int Width = 1000, Height = 470, Left = 84, Right = 210, Top = 30, Bottom = 66, Gap = 5;

    /// <summary>Draws it.</summary>
    /// <param name="label">What it shows, for those who cannot see it.</param>
    /// <param name="across">Name of the setting.</param>
    /// <param name="up">Name of what is measured.</param>
    /// <param name="values">The setting's values, at equal distances.</param>
    /// <param name="series">Name of each curve and its estimate at each value; null where there is none.</param>
    /// <param name="scale">What the estimates are shown times: 100 for shares in per cent.</param>
    public static string Draw(
        string label, string across, string up, IReadOnlyList<string> values, IReadOnlyList<(string Name, IReadOnlyList<Interval?> Estimates)> series, double scale = 100)
    {
        var all = series.SelectMany(one => one.Estimates).OfType<Interval>().ToArray();
        double low = all.Min(estimate => estimate.Low), high = all.Max(estimate => estimate.High), room = Math.Max(0.05 * (high - low), 0.004);
        (low, high) = (low - room, high + room);
        var svg = new Svg(Width, Height, label);
        double X(int value, int one) => Left + ((value + 0.5) / values.Count * (Width - Left - Right)) + ((one - ((series.Count - 1) / 2.0)) * Gap);
        double Y(double share) => Height - Bottom - ((share - low) / (high - low) * (Height - Top - Bottom));
        foreach (double tick in Svg.Ticks(low, high))
        {
            svg.Line(Left, Y(tick), Width - Right, Y(tick), "grid");
            svg.Text(Left - 10, Y(tick) + 5, (scale * tick).ToString("0.##", CultureInfo.InvariantCulture), "tick", "end");
        }
        for (int i = 0; i < values.Count; i++) svg.Text(Left + ((i + 0.5) / values.Count * (Width - Left - Right)), Height - Bottom + 22, values[i], "tick", "middle");
        for (int one = 0; one < series.Count; one++)
        {
            var (name, estimates) = series[one];
            svg.Curve(Enumerable.Range(0, values.Count).Where(i => estimates[i] is not null).Select(i => (X(i, one), Y(estimates[i]!.Value.Value))), one);
            for (int i = 0; i < values.Count; i++)
            {
                if (estimates[i] is not { } estimate) continue;
                svg.Line(X(i, one), Y(estimate.Low), X(i, one), Y(estimate.High), $"bar s{one % Svg.Series}");
                svg.Marker(X(i, one), Y(estimate.Value), one, $"{name}, {across} {values[i]}: {Svg.Shown(estimate, scale)}");
            }
            svg.Marker(Width - Right + 26, Top + (one * 26), one, name);
            svg.Text(Width - Right + 42, Top + 5 + (one * 26), name, "name");
        }
        svg.Text((Left + Width - Right) / 2.0, Height - 14, across, "axis", "middle");
        svg.Text(24, (Top + Height - Bottom) / 2.0, up, "axis", "middle", turned: true);
        return svg.ToString();
    }
}
