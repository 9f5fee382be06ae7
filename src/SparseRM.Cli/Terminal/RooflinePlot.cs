using System.Globalization;
using System.Net;
using System.Text;
using ScottPlot;
using ScottPlot.TickGenerators;
using SparseRM.Backends;

namespace SparseRM.Cli.Terminal;

/// <summary>A measurement in a roofline plot.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Intensity">Floating-point operations for each byte that must be read or written.</param>
/// <param name="Gflops">10^9 floating-point operations a second.</param>
internal readonly record struct RooflinePoint(string Label, double Intensity, double Gflops);

/// <summary>Rates over arithmetic intensity, under the machine's limits of arithmetic and memory. Source: Williams et al. 2009.</summary>
internal static class RooflinePlot
{
    private const int Width = 1280, Height = 720;

    /// <summary>Refuses a name or a place that cannot be written, before the measurement.</summary>
    /// <exception cref="UsageException">The name ends in neither .html nor .png.</exception>
    /// <exception cref="Errors.SparseRMException">The place cannot be written.</exception>
    public static void Probe(string path)
    {
        if (!IsHtml(path) && !path.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"--plot: '{path}' ends in neither .html nor .png");
        OutputFile.Probe(path, OutputKind.Plot);
    }

    /// <summary>Draws, and writes the file whole or not at all.</summary>
    public static void Write(Session session, string path, string title, IReadOnlyList<Peak> peaks, IReadOnlyList<RooflinePoint> points)
    {
        using var plot = Draw(title, peaks, points);
        byte[] content = IsHtml(path)
            ? Encoding.UTF8.GetBytes(Page(title, plot.GetSvgXml(Width, Height), points))
            : plot.GetImage(Width, Height).GetImageBytes(ImageFormat.Png);
        session.WriteData(path, stream => stream.Write(content));
    }

    private static bool IsHtml(string path) => path.EndsWith(".html", StringComparison.OrdinalIgnoreCase);

    private static Plot Draw(string title, IReadOnlyList<Peak> peaks, IReadOnlyList<RooflinePoint> points)
    {
        var plot = new Plot();
        var arithmetic = peaks.Where(peak => peak.Kind != PeakKind.Read).ToArray();
        double top = arithmetic.Select(peak => peak.Rate / 1e9).Append(points.Max(point => point.Gflops)).Max() * 2;
        double bottom = points.Min(point => point.Gflops) / 2;
        double left = points.Min(point => point.Intensity) / 2, right = points.Max(point => point.Intensity) * 4;
        foreach (var reads in peaks.Where(peak => peak.Kind == PeakKind.Read)) Slope(plot, reads, left, arithmetic.Max(peak => peak.Rate));
        // Peaks of several instruction sets may be one: two names on one line could not be read.
        foreach (var level in arithmetic.GroupBy(peak => (peak.Kind, Level: Math.Round(Math.Log10(peak.Rate) * 20)))) Roof(plot, [.. level], left, right);
        // Roofs have lines of grey; what was measured has the colours.
        foreach (var point in points)
        {
            var marker = plot.Add.Marker(Math.Log10(point.Intensity), Math.Log10(point.Gflops), size: 11);
            marker.LegendText = FormattableString.Invariant($"{point.Label}: {point.Gflops:G3} GFLOP/s");
        }
        foreach (var axis in (IAxis[])[plot.Axes.Bottom, plot.Axes.Left])
        {
            axis.TickGenerator = new NumericAutomatic
            {
                MinorTickGenerator = new LogMinorTickGenerator(), IntegerTicksOnly = true,
                LabelFormatter = exponent => Math.Pow(10, exponent).ToString("#,0.####", CultureInfo.InvariantCulture),
            };
        }
        plot.Title(title);
        plot.XLabel("floating-point operations for each byte of operands");
        plot.YLabel("GFLOP/s");
        plot.ShowLegend(Edge.Right);
        plot.Axes.SetLimits(Math.Log10(left), Math.Log10(right), Math.Log10(bottom), Math.Log10(top));
        return plot;
    }

    private static void Roof(Plot plot, Peak[] peaks, double left, double right)
    {
        var peak = peaks.MaxBy(peak => peak.Rate);
        double height = Math.Log10(peak.Rate / 1e9);
        var line = plot.Add.ScatterLine(new[] { Math.Log10(left), Math.Log10(right) }, [height, height]);
        (line.Color, line.LineWidth) = (Colors.DimGray, peak.Kind == PeakKind.BF16 ? 2 : 1);
        string kind = peak.Kind switch { PeakKind.BF16 => "bf16", PeakKind.I8 => "int8", _ => "f32" }, names = string.Join(", ", peaks.Select(peak => peak.Name));
        Name(plot, FormattableString.Invariant($"{kind} {names} {peak.Rate / 1e9:F0} "), Math.Log10(right), height, Alignment.LowerRight);
    }

    private static void Slope(Plot plot, Peak reads, double left, double mostArithmetic)
    {
        // Up to where arithmetic becomes the limit.
        double end = mostArithmetic / reads.Rate;
        if (end <= left) return;
        double start = Math.Log10(left * reads.Rate / 1e9);
        var line = plot.Add.ScatterLine(new[] { Math.Log10(left), Math.Log10(end) }, [start, Math.Log10(mostArithmetic / 1e9)]);
        (line.Color, line.LineWidth, line.LinePattern) = (Colors.DarkGray, 1, LinePattern.Dashed);
        Name(plot, FormattableString.Invariant($" {reads.Name} {reads.Rate / 1e9:F0} GB/s"), Math.Log10(left), start, Alignment.UpperLeft);
    }

    private static void Name(Plot plot, string text, double x, double y, Alignment alignment)
    {
        var label = plot.Add.Text(text, x, y);
        (label.LabelAlignment, label.LabelFontColor, label.LabelFontSize) = (alignment, Colors.DimGray, 11);
    }

    private static string Page(string title, string svg, IReadOnlyList<RooflinePoint> points)
    {
        var page = new StringBuilder();
        string name = WebUtility.HtmlEncode(title);
        page.Append(CultureInfo.InvariantCulture, $"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{name}</title>\n");
        page.Append("<style>body{font-family:sans-serif;margin:2em}td,th{padding:.2em 1em;text-align:right}td:first-child,th:first-child{text-align:left}</style>\n");
        page.Append("</head>\n<body>\n");
        // The declaration of XML has no place inside HTML.
        page.Append(svg.AsSpan(svg.IndexOf("<svg", StringComparison.Ordinal)));
        page.Append("\n<table>\n<tr><th>measured</th><th>FLOP per byte</th><th>GFLOP/s</th></tr>\n");
        foreach (var point in points)
        {
            page.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{WebUtility.HtmlEncode(point.Label)}</td><td>{point.Intensity:F2}</td><td>{point.Gflops:F1}</td></tr>\n");
        }
        return page.Append("</table>\n</body>\n</html>\n").ToString();
    }
}
