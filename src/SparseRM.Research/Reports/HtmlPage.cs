using System.Net;
using System.Reflection;
using System.Text;

namespace SparseRM.Research.Reports;

/// <summary>A page of plots and tables in one file: styles and script inside, nothing is fetched; light or dark as the reader's system is.</summary>
/// <param name="title">Title of the page.</param>
/// <param name="subtitle">What it is about, in a line.</param>
public sealed class HtmlPage(string title, string subtitle)
{
    private readonly StringBuilder _body = new();

    /// <summary>A sentence that stands out.</summary>
    public void Verdict(string text) => Paragraph(text, "verdict");

    /// <summary>A heading.</summary>
    public void Section(string heading) => _body.Append("<h2>").Append(Escape(heading)).Append("</h2>\n");

    /// <summary>A paragraph of plain text.</summary>
    public void Paragraph(string text) => Paragraph(text, null);

    /// <summary>A remark in a softer colour.</summary>
    public void Note(string text) => Paragraph(text, "note");

    /// <summary>A plot that can be zoomed, with what it shows below it.</summary>
    /// <param name="svg">From a chart of this folder: one <c>svg</c> element.</param>
    /// <param name="caption">Plain text.</param>
    public void Figure(string svg, string caption) =>
        _body.Append("<figure><div class=\"frame\">").Append(svg).Append("</div><figcaption>").Append(Escape(caption)).Append("</figcaption></figure>\n");

    /// <summary>A table; columns whose name begins with <c>&gt;</c> are aligned right.</summary>
    /// <param name="columns">Their names.</param>
    /// <param name="rows">Plain text, a cell a column.</param>
    /// <param name="summary">What a reader opens to see it, or null for a table that is seen at once.</param>
    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows, string? summary = null)
    {
        if (summary is not null) _body.Append("<details><summary>").Append(Escape(summary)).Append("</summary>");
        _body.Append("<div class=\"scroll\"><table>\n<thead><tr>");
        foreach (string column in columns) Cell("th", column.TrimStart('>'), column.StartsWith('>'));
        _body.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in rows)
        {
            _body.Append("<tr>");
            for (int i = 0; i < columns.Count; i++) Cell("td", row[i], columns[i].StartsWith('>'));
            _body.Append("</tr>\n");
        }
        _body.Append("</tbody></table></div>");
        if (summary is not null) _body.Append("</details>");
        _body.Append('\n');
    }

    /// <summary>A part that a reader opens to see it.</summary>
    /// <param name="summary">What is seen before.</param>
    /// <param name="content">Writes the part.</param>
    public void Details(string summary, Action content)
    {
        _body.Append("<details class=\"part\"><summary>").Append(Escape(summary)).Append("</summary>\n");
        content();
        _body.Append("</details>\n");
    }

    /// <summary>Texts of which a part is marked.</summary>
    /// <param name="texts">What stands before each, the text in three parts of which the middle one is marked, and what stands after it.</param>
    public void Marked(IEnumerable<(string Label, string Before, string Marked, string After, string Remark)> texts)
    {
        _body.Append("<ul class=\"marked\">\n");
        foreach (var (label, before, marked, after, remark) in texts)
        {
            _body.Append("<li><span class=\"label\">").Append(Escape(label)).Append("</span> ").Append(Escape(before)).Append("<mark>").Append(Escape(marked)).Append("</mark>")
                .Append(Escape(after)).Append(" <span class=\"note\">").Append(Escape(remark)).Append("</span></li>\n");
        }
        _body.Append("</ul>\n");
    }

    /// <summary>A link that a reader may follow; the page itself fetches nothing.</summary>
    public void Link(string address) =>
        _body.Append("<p><a rel=\"noreferrer\" href=\"").Append(Escape(address)).Append("\">").Append(Escape(address)).Append("</a></p>\n");

    /// <summary>The whole page, UTF-8.</summary>
    public void WriteTo(Stream stream)
    {
        string name = Escape(title);
        const string Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        writer.Write($"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        writer.Write($"<meta http-equiv=\"Content-Security-Policy\" content=\"{Policy}\">\n<title>{name}</title>\n<link rel=\"icon\" href=\"data:,\">\n");
        writer.Write($"<style>\n{Resource("page.css")}</style>\n</head>\n<body>\n<h1>{name}</h1>\n<p class=\"subtitle\">{Escape(subtitle)}</p>\n");
        writer.Write(_body);
        writer.Write($"<script>\n{Resource("page.js")}</script>\n</body>\n</html>\n");
    }

    /// <summary>Text for HTML and SVG.</summary>
    internal static string Escape(string text) => WebUtility.HtmlEncode(Errors.PlainText.Escape(text));

    private void Paragraph(string text, string? kind) =>
        _body.Append(kind is null ? "<p>" : $"<p class=\"{kind}\">").Append(Escape(text)).Append("</p>\n");

    private void Cell(string tag, string text, bool right) =>
        _body.Append('<').Append(tag).Append(right ? " class=\"number\">" : ">").Append(Escape(text)).Append("</").Append(tag).Append('>');

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
