using System.Globalization;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>Python's <c>strftime</c> at midnight of one day: a reward must not depend on when it is computed.</summary>
internal static class PythonDate
{
    // The date that Llama-3.1's template falls back to.
    private static readonly DateTime s_day = new(2024, 7, 26);
    private static readonly string[] s_forms = ["d MMM yyyy", "d MMMM yyyy", "yyyy-MM-dd", "MMMM d, yyyy", "MMM d, yyyy"];

    /// <summary>The day written as the format says.</summary>
    /// <param name="format">Directives of C's strftime.</param>
    /// <param name="day">The argument <c>date_string</c> of the dialogue; null for 26 July 2024.</param>
    /// <param name="budget">What is paid for.</param>
    public static TracedText Format(string format, object? day, JinjaBudget budget)
    {
        budget.Build(32L * format.Length);
        var date = s_day;
        if (day is not null && !DateTime.TryParseExact((day as TracedText)?.Text.Trim(), s_forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out date))
            throw new JinjaException("strftime_now needs a day, and the argument date_string is none like '26 Jul 2024' or '2024-07-26'");
        var text = new StringBuilder();
        Write(format, date, text);
        return TracedText.Of(text.ToString());
    }

    private static void Write(string format, DateTime date, StringBuilder text)
    {
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            char flag = format[i + 1] is '-' or '_' or '0' or '^' or '#' && i + 2 < format.Length ? format[i + 1] : '\0';
            i += flag == '\0' ? 1 : 2;
            string part = Part(format[i], date);
            text.Append(flag switch
            {
                '-' => part.TrimStart('0', ' ') is { Length: > 0 } bare ? bare : part.Length > 0 ? "0" : "",
                '_' => part.TrimStart('0') is var bare && bare.Length == 0 ? "0".PadLeft(part.Length) : bare.PadLeft(part.Length),
                '0' => part.Replace(' ', '0'),
                '^' => part.ToUpperInvariant(),
                '#' => format[i] is 'p' or 'Z' ? part.ToLowerInvariant() : part.ToUpperInvariant(),
                _ => part,
            });
        }
    }

    private static string Part(char directive, DateTime date)
    {
        string Text(string form) => date.ToString(form, CultureInfo.InvariantCulture);
        string All(string format)
        {
            var text = new StringBuilder();
            Write(format, date, text);
            return text.ToString();
        }
        int weekday = (int)date.DayOfWeek;
        return directive switch
        {
            'a' => Text("ddd"),
            'A' => Text("dddd"),
            'w' => $"{weekday}",
            'u' => $"{(weekday == 0 ? 7 : weekday)}",
            'd' => Text("dd"),
            'e' => $"{date.Day,2}",
            'b' or 'h' => Text("MMM"),
            'B' => Text("MMMM"),
            'm' => Text("MM"),
            'y' => Text("yy"),
            'Y' => $"{date.Year}",
            'C' => $"{date.Year / 100:00}",
            'H' or 'M' or 'S' => "00",
            'k' => " 0",
            'I' or 'l' => "12",
            'p' => "AM",
            'P' => "am",
            'f' => "000000",
            'z' or 'Z' => "",
            'j' => $"{date.DayOfYear:000}",
            'U' => $"{(date.DayOfYear + 6 - weekday) / 7:00}",
            'W' => $"{(date.DayOfYear + 6 - (weekday + 6) % 7) / 7:00}",
            'V' => $"{ISOWeek.GetWeekOfYear(date):00}",
            'G' => $"{ISOWeek.GetYear(date)}",
            'g' => $"{ISOWeek.GetYear(date) % 100:00}",
            'c' => All("%a %b %e %H:%M:%S %Y"),
            'x' or 'D' => All("%m/%d/%y"),
            'X' or 'T' => "00:00:00",
            'r' => All("%I:%M:%S %p"),
            'R' => "00:00",
            'F' => Text("yyyy-MM-dd"),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => throw new JinjaException($"strftime_now does not know %{directive}"),
        };
    }
}
