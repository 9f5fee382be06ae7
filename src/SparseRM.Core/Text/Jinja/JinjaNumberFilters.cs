using System.Globalization;
using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>Filters of numbers.</summary>
internal static class JinjaNumberFilters
{
    private const int MostDigits = 4300;

    /// <summary>The absolute value.</summary>
    public static object? Abs(object? value, JinjaBudget budget) => value switch
    {
        double number => Math.Abs(number),
        BigInteger number => BigInteger.Abs(number),
        bool or long => JinjaValues.AsInteger(value) < 0 ? JinjaOperators.Unary("-", value, budget) : JinjaValues.AsInteger(value),
        _ => throw JinjaFilters.Wrong("abs", value),
    };

    /// <summary>Python's <c>int</c> of a number or string, else the default.</summary>
    public static object? ToInteger(object? value, object? otherwise, long radix)
    {
        switch (value)
        {
            case long or BigInteger:
                return value;
            case bool flag:
                return flag ? 1L : 0L;
            case double number when double.IsInfinity(number):
                throw new JinjaException("infinity is no integer");
            case double number:
                return double.IsNaN(number) ? otherwise : Narrow(new BigInteger(Math.Truncate(number)));
            case TracedText text:
                if (TryInteger(text.Text, radix, out var parsed)) return Narrow(parsed);
                return TryFloat(text.Text, out double real) && double.IsFinite(real) ? Narrow(new BigInteger(Math.Truncate(real))) : otherwise;
            case JinjaUndefined undefined:
                throw new JinjaException($"'{undefined.Name}' is undefined");
            default:
                return otherwise;
        }
    }

    /// <summary>Python's <c>float</c> of a number or string, else the default.</summary>
    public static object? ToFloat(object? value, object? otherwise) => value switch
    {
        JinjaUndefined undefined => throw new JinjaException($"'{undefined.Name}' is undefined"),
        TracedText text => TryFloat(text.Text, out double parsed) ? parsed : otherwise,
        _ => JinjaValues.AsNumber(value) ?? otherwise,
    };

    /// <summary>A number rounded to digits after the point.</summary>
    public static object? Round(object? value, JinjaArguments a)
    {
        long precision = a.Integer("precision", 0);
        string method = a.TryTake("method", out object? given) ? JinjaValues.Text(given, "method").Text : "common";
        if (method is not ("common" or "ceil" or "floor")) throw new JinjaException("round takes the methods common, ceil and floor");
        if (JinjaValues.AsNumber(value) is not { } number) throw JinjaFilters.Wrong("round", value);
        if (method == "common") return value is double ? PythonFloat.Round(number, precision) : RoundInteger(value, precision);
        if (Math.Abs(precision) > 300) throw new JinjaException("round takes a precision from -300 to 300");
        double scale = Math.Pow(10, precision), scaled = number * scale;
        if (!double.IsFinite(scaled)) throw new JinjaException("the number to round is too large");
        // Python's ceil and floor are integers, which know no -0.
        return ((method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) + 0.0) / scale;
    }

    /// <summary>A number of bytes in words.</summary>
    public static TracedText FileSize(object? value, bool binary)
    {
        double bytes = ToFloat(value, null) as double? ?? throw JinjaFilters.Wrong("filesizeformat", value);
        double scale = binary ? 1024 : 1000, unit = scale;
        if (bytes == 1) return TracedText.Of("1 Byte");
        if (bytes < scale) return TracedText.Of($"{new BigInteger(bytes)} Bytes");
        string[] names = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        int name = 0;
        for (; name < names.Length - 1 && bytes >= unit * scale; name++) unit *= scale;
        return TracedText.Of($"{PythonFloat.Fixed(scale * bytes / (unit * scale), 1)} {names[name]}");
    }

    private static object? RoundInteger(object? value, long precision)
    {
        if (precision >= 0) return value is bool flag ? flag ? 1L : 0L : value;
        if (precision < -100) return 0L;
        var (number, unit) = (PythonFormatSpec.Whole(value), BigInteger.Pow(10, (int)-precision));
        var quotient = BigInteger.DivRem(BigInteger.Abs(number), unit, out var rest);
        int half = (rest * 2).CompareTo(unit);
        if (half > 0 || (half == 0 && !quotient.IsEven)) quotient++;
        return Narrow(quotient * unit * number.Sign);
    }

    private static object Narrow(BigInteger value) => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    private static bool TryInteger(string text, long radix, out BigInteger value)
    {
        value = 0;
        if (radix is not 0 and (< 2 or > 36)) throw new JinjaException("the base of int is 0 or from 2 to 36");
        var digits = text.AsSpan().Trim();
        bool negative = digits.StartsWith("-");
        if (digits.Length > 0 && digits[0] is '+' or '-') digits = digits[1..];
        if (digits.Length > MostDigits) return false;
        int named = digits.Length > 2 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (named > 0 && (radix == 0 || radix == named))
        {
            digits = digits[(digits[2] == '_' ? 3 : 2)..];
            radix = named;
        }
        if (radix == 0) radix = 10;
        if (digits.Length == 0 || digits[0] == '_' || digits[^1] == '_' || digits.Contains("__", StringComparison.Ordinal)) return false;
        foreach (char c in digits)
        {
            if (c == '_') continue;
            int digit = char.IsDigit(c) ? (int)CharUnicodeInfo.GetDecimalDigitValue(c) : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 36;
            if (digit >= radix) return false;
            value = value * radix + digit;
        }
        if (negative) value = -value;
        return true;
    }

    private static bool TryFloat(string text, out double value)
    {
        value = 0;
        if (text.Length > 10_000) return false;
        if (text.Any(c => c > '~' && char.IsDigit(c)))
            text = string.Concat(text.Select(c => char.IsDigit(c) ? (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(c)) : c));
        var trimmed = text.AsSpan().Trim();
        var word = trimmed.TrimStart("+-");
        if (trimmed.Length - word.Length > 1) return false;
        if (word.Equals("inf", StringComparison.OrdinalIgnoreCase) || word.Equals("infinity", StringComparison.OrdinalIgnoreCase))
            value = trimmed[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
        else if (word.Equals("nan", StringComparison.OrdinalIgnoreCase)) value = double.NaN;
        else return !trimmed.ContainsAnyExcept("+-.0123456789eE_") && HasGoodUnderscores(trimmed)
            && double.TryParse(trimmed.ToString().Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
        return true;
    }

    private static bool HasGoodUnderscores(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
            if (text[i] == '_' && (i == 0 || i + 1 == text.Length || !char.IsAsciiDigit(text[i - 1]) || !char.IsAsciiDigit(text[i + 1]))) return false;
        return true;
    }
}
