using System.Globalization;
using System.Text;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Reports;

/// <summary>Writes the elements of a plot.</summary>
internal sealed class Svg(int width, int height, string label)
{
    private readonly StringBuilder _content = new();

    /// <summary>Colours and markers before they repeat.</summary>
    public const int Series = 8;

    /// <summary>A straight line.</summary>
    public void Line(double x1, double y1, double x2, double y2, string kind) =>
        Add($"<line class=\"{kind}\" x1=\"{Round(x1)}\" y1=\"{Round(y1)}\" x2=\"{Round(x2)}\" y2=\"{Round(y2)}\"/>");

    /// <summary>A curve through points.</summary>
    public void Curve(IEnumerable<(double X, double Y)> points, int series) =>
        Add($"<polyline class=\"curve s{series % Series}\" points=\"{string.Join(' ', points.Select(point => $"{Round(point.X)},{Round(point.Y)}"))}\"/>");

    /// <summary>A marker whose shape goes with its colour; pointing at it shows the text.</summary>
    public void Marker(double x, double y, int series, string text, double size = 5.5)
    {
        double r = size;
        string shape = (series % 4) switch
        {
            0 => $"<circle cx=\"{Round(x)}\" cy=\"{Round(y)}\" r=\"{Round(r)}\"/>",
            1 => $"<rect x=\"{Round(x - r)}\" y=\"{Round(y - r)}\" width=\"{Round(2 * r)}\" height=\"{Round(2 * r)}\"/>",
            2 => $"<path d=\"M{Round(x)} {Round(y - r - 1.5)}l{Round(r + 1)} {Round(2 * r + 0.5)}h{Round(-2 * (r + 1))}z\"/>",
            _ => $"<path d=\"M{Round(x)} {Round(y - r - 1.5)}l{Round(r + 1.5)} {Round(r + 1.5)}l{Round(-r - 1.5)} {Round(r + 1.5)}l{Round(-r - 1.5)} {Round(-r - 1.5)}z\"/>",
        };
        Add($"<g class=\"mark s{series % Series}\"><title>{HtmlPage.Escape(text)}</title>{shape}</g>");
    }

    /// <summary>A filled rectangle; pointing at it shows the text.</summary>
    public void Bar(double x, double y, double wide, double high, int series, string text) => Add(
        $"<g class=\"mark s{series % Series}\"><title>{HtmlPage.Escape(text)}</title><rect x=\"{Round(x)}\" y=\"{Round(y)}\" width=\"{Round(wide)}\" height=\"{Round(high)}\"/></g>");

    /// <summary>A line of text.</summary>
    /// <param name="x">Where.</param>
    /// <param name="y">Its base line.</param>
    /// <param name="text">Plain.</param>
    /// <param name="kind">A class of the style.</param>
    /// <param name="anchor">start, middle or end.</param>
    /// <param name="turned">Whether it runs upwards.</param>
    public void Text(double x, double y, string text, string kind, string anchor = "start", bool turned = false) =>
        Add($"<text class=\"{kind}\" x=\"{Round(x)}\" y=\"{Round(y)}\" text-anchor=\"{anchor}\"{(turned ? $" transform=\"rotate(-90 {Round(x)} {Round(y)})\"" : "")}>{HtmlPage.Escape(text)}</text>");

    /// <summary>The element.</summary>
    public override string ToString() =>
        $"<svg viewBox=\"0 0 {width} {height}\" role=\"img\" tabindex=\"0\" aria-label=\"{HtmlPage.Escape(label)}\" font-size=\"14\">\n{_content}</svg>";

    /// <summary>About seven round numbers from one end to the other.</summary>
    public static IReadOnlyList<double> Ticks(double low, double high)
    {
        double rough = Math.Max((high - low) / 7, 1e-9), power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = new[] { 1, 2, 5, 10 }.First(factor => factor * power >= rough) * power;
        var ticks = new List<double>();
        for (double at = Math.Ceiling((low / step) - 1e-9) * step; at <= high + (1e-9 * step); at += step) ticks.Add((Math.Round(at / step) * step) + 0.0);
        return ticks;
    }

    /// <summary>A number as charts show it: per cent with one decimal, anything else with two.</summary>
    /// <param name="value">The number.</param>
    /// <param name="scale">What it is shown times: 100 for per cent.</param>
    public static string Shown(double value, double scale) => (scale * value).ToString(scale == 100 ? "F1" : "F2", CultureInfo.InvariantCulture);

    /// <summary>An estimate with its interval, if it has one.</summary>
    public static string Shown(Interval estimate, double scale) =>
        Shown(estimate.Value, scale) + (estimate.Low == estimate.High ? "" : $" ({Shown(estimate.Low, scale)} to {Shown(estimate.High, scale)})");

    private void Add(string element) => _content.Append(element).Append('\n');

    private static string Round(double value) => Math.Round(value, 2).ToString(CultureInfo.InvariantCulture);
}
