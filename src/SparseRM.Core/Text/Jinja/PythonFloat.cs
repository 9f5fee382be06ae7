using System.Globalization;
using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>Floats as Python prints, formats and rounds them: from their exact binary value, ties to even.</summary>
internal static class PythonFloat
{
    /// <summary>The shortest digits that read as the same number: 1.0, 1e+16, 1e-05.</summary>
    public static string Repr(double value)
    {
        if (Special(value) is { } special) return special;
        string text = value.ToString("R", CultureInfo.InvariantCulture).TrimStart('-');
        int e = text.IndexOf('E', StringComparison.Ordinal), exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), CultureInfo.InvariantCulture);
        string mantissa = e < 0 ? text : text[..e];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        exponent += (point < 0 ? mantissa.Length : point) - 1;
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        exponent -= digits.Length - digits.TrimStart('0').Length;
        digits = digits.Trim('0');
        if (digits.Length == 0) (digits, exponent) = ("0", 0);
        string sign = double.IsNegative(value) ? "-" : "";
        return sign + (exponent is < -4 or >= 16 ? Scientific(digits, exponent) : Plain(digits, exponent));
    }

    /// <summary>So many digits after the point, as <c>%f</c>.</summary>
    public static string Fixed(double value, int precision)
    {
        if (Special(value) is { } special) return special;
        int exact = Math.Min(precision, MostDigits);
        string digits = Scaled(value, exact).ToString(CultureInfo.InvariantCulture).PadLeft(exact + 1, '0') + new string('0', precision - exact);
        string sign = double.IsNegative(value) ? "-" : "";
        return sign + (precision == 0 ? digits : $"{digits[..^precision]}.{digits[^precision..]}");
    }

    /// <summary>One digit before the point and so many after it, as <c>%e</c>.</summary>
    public static string Exponent(double value, int precision)
    {
        if (Special(value) is { } special) return special;
        var (digits, exponent) = Digits(value, precision + 1);
        return (double.IsNegative(value) ? "-" : "") + Scientific(digits, exponent);
    }

    /// <summary>So many significant digits in the shorter form, as <c>%g</c>.</summary>
    /// <param name="value">The number.</param>
    /// <param name="precision">Significant digits; 0 counts as 1.</param>
    /// <param name="keepZeros">Whether zeros at the end stay (flag <c>#</c>).</param>
    /// <param name="showPoint">Whether a whole number shows a point and a zero.</param>
    public static string General(double value, int precision, bool keepZeros, bool showPoint = false)
    {
        if (Special(value) is { } special) return special;
        precision = Math.Max(precision, 1);
        var (digits, exponent) = Digits(value, precision);
        string sign = double.IsNegative(value) ? "-" : "";
        bool scientific = exponent < -4 || exponent >= (showPoint ? precision - 1 : precision);
        if (!keepZeros) digits = digits.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0";
        if (scientific) return sign + Scientific(digits, exponent);
        string plain = Plain(digits, exponent);
        if (showPoint || digits.Length > exponent + 1) return sign + plain;
        return sign + (keepZeros ? plain[..^1] : plain[..^2]);
    }

    /// <summary>Python's <c>round</c> to a number of digits, which may be negative.</summary>
    public static double Round(double value, long precision)
    {
        if (!double.IsFinite(value) || precision > 323) return value;
        if (precision < -308) return double.IsNegative(value) ? -0.0 : 0.0;
        string text = precision >= 0 ? Fixed(value, (int)precision)
            : (double.IsNegative(value) ? "-" : "") + Scaled(value, (int)precision).ToString(CultureInfo.InvariantCulture) + $"e{-precision}";
        return double.Parse(text, CultureInfo.InvariantCulture);
    }

    // Digits of a double end before this place; what follows are zeros.
    private const int MostDigits = 1100;

    private static string? Special(double value) =>
        double.IsNaN(value) ? "nan" : double.IsPositiveInfinity(value) ? "inf" : double.IsNegativeInfinity(value) ? "-inf" : null;

    // |value| * 10^precision to the nearest integer.
    private static BigInteger Scaled(double value, int precision)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7FF);
        BigInteger numerator = (bits & 0xF_FFFF_FFFF_FFFF) | (exponent == 0 ? 0 : 1L << 52), denominator = 1;
        exponent = Math.Max(exponent, 1) - 1075;
        if (exponent > 0) numerator <<= exponent;
        else denominator <<= -exponent;
        if (precision > 0) numerator *= BigInteger.Pow(10, precision);
        else denominator *= BigInteger.Pow(10, -precision);
        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        int half = (rest * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static (string Digits, int Exponent) Digits(double value, int count)
    {
        if (value == 0) return (new string('0', count), 0);
        if (count > MostDigits)
        {
            var (exact, place) = Digits(value, MostDigits);
            return (exact.PadRight(count, '0'), place);
        }
        int exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)));
        for (int guess = exponent - 1; ; guess++)
        {
            string digits = Scaled(value, count - 1 - guess).ToString(CultureInfo.InvariantCulture);
            if (digits.Length == count) return (digits, guess);
        }
    }

    private static string Scientific(string digits, int exponent)
    {
        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static string Plain(string digits, int exponent)
    {
        if (exponent < 0) return "0." + new string('0', -exponent - 1) + digits;
        return digits.Length > exponent + 1 ? $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}"
            : digits + new string('0', exponent + 1 - digits.Length) + ".0";
    }
}
