using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>Letters as Python sees them: case with its special rules (ß, final sigma, titles), kinds of characters.</summary>
internal static class PythonText
{
    // What casing.txt has beside the plain mapping: upper case of several characters, title case that is not upper, folds that are not lower.
    private static readonly FrozenDictionary<Rune, (string Upper, string Title, string Fold)> s_special = ReadSpecial();

    /// <summary>Upper case of characters [start, end).</summary>
    public static string Upper(string text, int start, int end) =>
        Ascii.IsValid(text.AsSpan(start, end - start)) ? text[start..end].ToUpperInvariant() : Map(text, start, end, (_, rune) => Upper(rune));

    /// <summary>Lower case of characters [start, end); sigma at a word's end is the final one.</summary>
    public static string Lower(string text, int start, int end) =>
        Ascii.IsValid(text.AsSpan(start, end - start)) ? text[start..end].ToLowerInvariant() : Map(text, start, end, (at, rune) => Lower(text, at, rune));

    /// <summary>Case-folded characters [start, end).</summary>
    public static string Fold(string text, int start, int end) => Map(text, start, end, (_, rune) =>
        s_special.TryGetValue(rune, out var special) && special.Fold.Length > 0 ? special.Fold
            : rune.Value == 'İ' ? "i̇" : Rune.ToLowerInvariant(rune).ToString());

    /// <summary>Title case after what has no case, else lower case, of characters [start, end).</summary>
    public static string Title(string text, int start, int end) => Map(text, start, end, (at, rune) =>
        at > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, at), out var before, out _) == System.Buffers.OperationStatus.Done && IsCased(before)
            ? Lower(text, at, rune) : Title(rune));

    /// <summary>First character in title case, the rest in lower case, of characters [start, end).</summary>
    public static string Capitalize(string text, int start, int end) => Map(text, start, end, (at, rune) =>
        at == 0 ? Title(rune) : Lower(text, at, rune));

    /// <summary>Upper case becomes lower and lower case upper, of characters [start, end).</summary>
    public static string Swap(string text, int start, int end) => Map(text, start, end, (at, rune) =>
        IsUpper(rune) ? Lower(text, at, rune) : IsLower(rune) ? Upper(rune) : rune.ToString());

    /// <summary>Python's <c>str.isspace</c>: the separators U+001C to U+001F too.</summary>
    public static bool IsBlank(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary>What <c>repr</c> does not escape.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>Upper case letters.</summary>
    public static bool IsUpper(Rune rune) =>
        Rune.IsUpper(rune) || rune.Value is >= 0x2160 and <= 0x216F or >= 0x24B6 and <= 0x24CF or >= 0x1F130 and <= 0x1F189;

    /// <summary>Lower case letters.</summary>
    public static bool IsLower(Rune rune) => Rune.IsLower(rune) || rune.Value is 'ª' or 'º' or >= 0x2170 and <= 0x217F or >= 0x24D0 and <= 0x24E9
        or >= 0x2B0 and <= 0x2B8 or >= 0x2C0 and <= 0x2C1 or >= 0x2E0 and <= 0x2E4;

    /// <summary>Letters with a case.</summary>
    public static bool IsCased(Rune rune) => IsUpper(rune) || IsLower(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    /// <summary>Decimal digits, superscript ones and digits in circles.</summary>
    public static bool IsDigit(Rune rune) =>
        Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber || CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0;

    /// <summary>Everything with a numeric value.</summary>
    public static bool IsNumeric(Rune rune) => IsDigit(rune) || CharUnicodeInfo.GetNumericValue(rune.ToString(), 0) is not -1;

    private static string Upper(Rune rune) => s_special.TryGetValue(rune, out var special) && special.Upper.Length > 0 ? special.Upper
        : Rune.ToUpperInvariant(rune).ToString();

    private static string Title(Rune rune) => s_special.TryGetValue(rune, out var special) && special.Title.Length > 0 ? special.Title
        : Upper(rune);

    private static string Lower(string text, int at, Rune rune) => rune.Value switch
    {
        'İ' => "i̇",
        'Σ' when IsFinal(text, at) => "ς",
        _ => Rune.ToLowerInvariant(rune).ToString(),
    };

    // After a cased letter and before none, whatever has no case of its own (marks, apostrophes) between.
    private static bool IsFinal(string text, int at) =>
        NextCased(text.AsSpan(0, at), last: true) && !NextCased(text.AsSpan(at + 1), last: false);

    private static bool NextCased(ReadOnlySpan<char> text, bool last)
    {
        while (text.Length > 0)
        {
            Rune rune;
            int length;
            if (last) Rune.DecodeLastFromUtf16(text, out rune, out length);
            else Rune.DecodeFromUtf16(text, out rune, out length);
            if (!IsIgnorable(rune)) return IsCased(rune);
            text = last ? text[..^length] : text[length..];
        }
        return false;
    }

    private static bool IsIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or '^' or '`' or '¨' or '·' or '’' || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter
        or UnicodeCategory.ModifierSymbol;

    private static string Map(string text, int start, int end, Func<int, Rune, string> map)
    {
        var result = new StringBuilder(end - start);
        for (int at = start; at < end;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(at, end - at), out var rune, out int length);
            result.Append(map(at, rune));
            at += length;
        }
        return result.ToString();
    }

    private static FrozenDictionary<Rune, (string, string, string)> ReadSpecial()
    {
        using var stream = typeof(PythonText).Assembly.GetManifestResourceStream("SparseRM.Text.casing.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))
            .ToFrozenDictionary(parts => Rune.GetRuneAt(parts[0], 0), parts => (parts[1], parts[2], parts[3]));
    }
}
