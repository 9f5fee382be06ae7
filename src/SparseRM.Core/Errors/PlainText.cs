using System.Globalization;
using System.Text;

namespace SparseRM.Errors;

/// <summary>Makes text from files fit for a terminal and a log: what would move a cursor, end a line or reorder letters is written as an escape.</summary>
public static class PlainText
{
    private const int MaxLength = 4000;

    /// <summary>The text with control characters, line ends, marks of writing direction and halves of surrogate pairs as <c>\u001b</c>.</summary>
    /// <remarks>Text that has none is returned as it is. A longer text than 4,000 characters loses its middle.</remarks>
    public static string Escape(string text)
    {
        if (text.Length > MaxLength) text = $"{text[..(MaxLength / 2)]} ... {text[^(MaxLength / 2)..]}";
        int first = 0;
        while (first < text.Length && Width(text, first) is > 0 and var width) first += width;
        if (first == text.Length) return text;
        var escaped = new StringBuilder(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length;)
        {
            int width = Width(text, i);
            if (width > 0) escaped.Append(text, i, width);
            else escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            i += Math.Max(1, width);
        }
        return escaped.ToString();
    }

    /// <summary>How many characters from here on can be shown as they are: 1, 2 for a surrogate pair, 0 for one that is escaped.</summary>
    private static int Width(string text, int at)
    {
        char c = text[at];
        if (char.IsSurrogate(c)) return char.IsHighSurrogate(c) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 0;
        return char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            || c is >= '\u200E' and <= '\u200F' or >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069' or '\u061C' or '\uFEFF' ? 0 : 1;
    }
}
