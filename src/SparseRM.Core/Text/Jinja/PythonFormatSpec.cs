using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace SparseRM.Text.Jinja;

/// <summary>Python's format specifications, as <c>{:&gt;8.2f}</c> has them.</summary>
internal static partial class PythonFormatSpec
{
    private const int Widest = 10_000_000, MostPrecise = 100_000;

    /// <summary>A value formatted by a specification.</summary>
    public static TracedText Format(object? value, string spec, JinjaBudget budget)
    {
        if (spec.Length == 0) return JinjaPrint.Print(value, budget);
        var match = spec.Length < 100 ? Pattern().Match(spec) : Match.Empty;
        if (!match.Success) throw new JinjaException($"the format specification '{spec}' is not known");
        string fill = match.Groups["fill"].Value, align = match.Groups["align"].Value, type = match.Groups["type"].Value;
        int width = Number(match.Groups["width"], 0, Widest), precision = Number(match.Groups["precision"], -1, MostPrecise);
        budget.Build(2L * width + 2L * Math.Max(precision, 0));
        budget.Walk(width + 64L * Math.Clamp(precision, 0, 1100));
        bool zeros = match.Groups["zero"].Success;
        if (value is TracedText text)
        {
            if (type is not ("" or "s") || match.Groups["sign"].Success || match.Groups["alt"].Success || match.Groups["grouping"].Success || align == "=")
                throw new JinjaException($"the format specification '{spec}' does not go with a string");
            if (precision >= 0 && precision < text.CodePoints) text = text.Slice(0, text.PositionOf(precision));
            return Aligned(text, fill.Length > 0 ? fill : zeros ? "0" : " ", align.Length > 0 ? align : "<", width, budget);
        }
        if (value is not (bool or long or double or BigInteger)) throw new JinjaException($"the format specification '{spec}' does not go with {JinjaValues.TypeName(value)}");
        string number = Body(value, type, precision, match);
        string sign = number[0] == '-' ? "-" : match.Groups["sign"].Value is "+" or " " ? match.Groups["sign"].Value : "";
        number = number.TrimStart('-');
        if (zeros && align.Length == 0) (fill, align) = ("0", "=");
        if (match.Groups["grouping"].Success) number = Grouped(number, match.Groups["grouping"].Value[0], type, fill == "0" && align == "=" ? width - sign.Length : 0);
        string prefix = match.Groups["alt"].Success && (type is "x" or "X" or "o" or "b") ? "0" + type : "";
        if (align == "=")
        {
            int missing = width - sign.Length - prefix.Length - number.Length;
            return TracedText.Of(sign + prefix + (missing > 0 ? new string((fill + " ")[0], missing) : "") + number);
        }
        return Aligned(TracedText.Of(sign + prefix + number), fill.Length > 0 ? fill : " ", align.Length > 0 ? align : ">", width, budget);
    }

    /// <summary>Digits of an integer's absolute value: d, o, x, X or b.</summary>
    public static string Digits(BigInteger value, char type)
    {
        value = BigInteger.Abs(value);
        return type switch
        {
            'o' when value <= long.MaxValue => Convert.ToString((long)value, 8),
            'o' => throw new JinjaException("the number is too large to be written in octal"),
            'b' => value.ToString("B", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } bits ? bits : "0",
            'x' => value.ToString("x", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } digits ? digits : "0",
            'X' => value.ToString("X", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } digits ? digits : "0",
            _ => value.ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>A float as e, f or g (or their capitals) with a precision.</summary>
    public static string Float(double value, char type, int precision, bool alternative)
    {
        string text = char.ToLowerInvariant(type) switch
        {
            'e' => PythonFloat.Exponent(value, precision),
            'f' => PythonFloat.Fixed(value, precision),
            _ => PythonFloat.General(value, precision, alternative),
        };
        if (alternative && precision == 0 && double.IsFinite(value) && !text.Contains('.', StringComparison.Ordinal))
            text = text.Contains('e', StringComparison.Ordinal) ? text.Replace("e", ".e", StringComparison.Ordinal) : text + ".";
        return char.IsUpper(type) ? text.ToUpperInvariant() : text;
    }

    /// <summary>The integer part of a number.</summary>
    public static BigInteger Whole(object? value) => value switch
    {
        bool flag => flag ? 1 : 0,
        long number => number,
        BigInteger number => number,
        double number when double.IsFinite(number) => new BigInteger(Math.Truncate(number)),
        _ => throw new JinjaException("the number is infinite or not a number"),
    };

    /// <summary>Text with everything beyond ASCII escaped, as <c>ascii</c>.</summary>
    public static TracedText Ascii(TracedText text, JinjaBudget budget)
    {
        budget.Build(6L * text.Text.Length);
        return text.Map((whole, start, end) => string.Concat(whole[start..end].EnumerateRunes().Select(rune => rune.IsAscii ? rune.ToString()
            : rune.Value < 0x100 ? $"\\x{rune.Value:x2}" : rune.IsBmp ? $"\\u{rune.Value:x4}" : $"\\U{rune.Value:x8}")));
    }

    private static string Body(object? value, string type, int precision, Match match)
    {
        if (value is double number)
        {
            if (type is "d" or "x" or "X" or "o" or "b" or "c" or "s") throw new JinjaException($"the format type '{type}' does not go with a float");
            if (type == "%") return PythonFloat.Fixed(number * 100, precision < 0 ? 6 : precision) + "%";
            if (type.Length > 0) return Float(number, type == "n" ? 'g' : type[0], precision < 0 ? 6 : precision, match.Groups["alt"].Success);
            if (precision < 0) return PythonFloat.Repr(number);
            return PythonFloat.General(number, precision, keepZeros: false, showPoint: true);
        }
        if (type is "e" or "E" or "f" or "F" or "g" or "G" or "%") return Body((double)Whole(value), type, precision, match);
        if (precision >= 0) throw new JinjaException("an integer has no precision");
        if (type == "c")
            return Rune.IsValid((int)BigInteger.Max(BigInteger.Min(Whole(value), int.MaxValue), -1)) ? new Rune((int)Whole(value)).ToString()
                : throw new JinjaException("the format type 'c' takes the code of a character");
        if (type == "s") throw new JinjaException("the format type 's' does not go with a number");
        var whole = Whole(value);
        return (whole.Sign < 0 ? "-" : "") + Digits(whole, type.Length == 0 || type == "n" ? 'd' : type[0]);
    }

    private static string Grouped(string number, char separator, string type, int width)
    {
        int size = type is "x" or "X" or "o" or "b" ? 4 : 3, digits = number.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (size == 4 || digits < 0) digits = number.Length;
        string whole = number[..digits], rest = number[digits..];
        var backwards = new List<char>(Math.Max(width, whole.Length) + 1);
        for (int i = 0; i < whole.Length || backwards.Count + rest.Length < width; i++)
        {
            if (i > 0 && i % size == 0) backwards.Add(separator);
            backwards.Add(i < whole.Length ? whole[^(i + 1)] : '0');
        }
        backwards.Reverse();
        return new string([.. backwards]) + rest;
    }

    private static TracedText Aligned(TracedText text, string fill, string align, int width, JinjaBudget budget)
    {
        long missing = Math.Max(width - text.CodePoints, 0);
        long left = align switch { ">" or "=" => missing, "^" => missing / 2, _ => 0 };
        return JinjaTextMethods.Pad(text, left, missing - left, TracedText.Of(fill), budget);
    }

    private static int Number(Group group, int otherwise, int most)
    {
        if (!group.Success) return otherwise;
        return int.TryParse(group.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= most ? number
            : throw new JinjaException("a width or precision of a format is too large");
    }

    [GeneratedRegex(@"^(?:(?<fill>[\s\S][\uDC00-\uDFFF]?)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<alt>#)?(?<zero>0)?(?<width>[0-9]+)?(?<grouping>[,_])?(?:\.(?<precision>[0-9]+))?(?<type>[bcdeEfFgGnosxX%])?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
