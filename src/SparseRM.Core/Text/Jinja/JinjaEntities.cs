using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace SparseRM.Text.Jinja;

/// <summary>HTML's entities as what they stand for, by the rules of Python's <c>html.unescape</c>: names of HTML 4, and numbers of characters.</summary>
internal static partial class JinjaEntities
{
    private static readonly string[] s_short = ["lt", "gt", "amp", "quot", "LT", "GT", "AMP", "QUOT", "COPY", "REG"];

    /// <summary>The text without entities; what stands for one has its origin.</summary>
    /// <exception cref="JinjaException">An entity has a name of HTML 5 alone, or the number of a control character.</exception>
    public static TracedText Unescape(TracedText text)
    {
        var result = new TracedText.Builder();
        int at = 0;
        foreach (Match entity in Entity().Matches(text.Text))
        {
            result.Append(text, at, entity.Index);
            result.Append(Meaning(entity.Value), text.Slice(entity.Index, entity.Index + 1).Spans().First().MessageIndex);
            at = entity.Index + entity.Length;
        }
        result.Append(text, at, text.Text.Length);
        return result.ToText();
    }

    private static string Meaning(string whole)
    {
        string name = whole[1..].TrimEnd(';');
        if (name[0] == '#') return OfNumber(whole, name);
        if (whole.EndsWith(';')) return Named(name) ?? throw Unknown(whole);
        // Old names need no semicolon, and may be the beginning of a word.
        for (int length = name.Length; length > 1; length--)
            if (name[..length] != "apos" && Named(name[..length]) is [<= '\u00ff'] meant) return meant + name[length..];
        return whole;
    }

    private static string OfNumber(string whole, string name)
    {
        bool hex = name[1] is 'x' or 'X';
        var style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (!int.TryParse(name.AsSpan(hex ? 2 : 1), style, CultureInfo.InvariantCulture, out int code) || !Rune.TryCreate(code, out var rune)
            || (Rune.IsControl(rune) && code is not (9 or 10)) || code is >= 0xFDD0 and <= 0xFDEF || (code & 0xFFFE) == 0xFFFE) throw Unknown(whole);
        return rune.ToString();
    }

    private static string? Named(string name)
    {
        if (s_short.Contains(name)) return WebUtility.HtmlDecode($"&{name.ToLowerInvariant()};");
        // HTML 5 gives these two other characters.
        return name is "lang" or "rang" or "apos" ? (name == "apos" ? "'" : null) : WebUtility.HtmlDecode($"&{name};") is [var one] ? one.ToString() : null;
    }

    private static JinjaException Unknown(string entity) => new($"striptags meets '{entity}', an entity that is not known");

    [GeneratedRegex("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Entity();
}
