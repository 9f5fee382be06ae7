using System.Globalization;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>The functions that templates find: Jinja's own and those that transformers adds.</summary>
internal static class JinjaFunctions
{
    // A reward must not depend on the day: this is the date that Llama-3.1's template falls back to.
    private static readonly DateTime s_today = new(2024, 7, 26);

    /// <summary>All functions by name; <paramref name="template"/> is named when the template refuses the dialogue.</summary>
    public static Dictionary<string, object?> All(string template) => new()
    {
        ["raise_exception"] = (JinjaFunction)(a =>
            throw new SparseRMException($"{template}: the chat template refuses the dialogue: {JinjaValues.Print(a.Take("message")).Text}")),
        ["strftime_now"] = Checked(a => TracedText.Of(Format(JinjaValues.Text(a.Take("format"), "the format of strftime_now").Text))),
        ["range"] = Checked(Range),
        ["namespace"] = (JinjaFunction)(a => new JinjaNamespace(Named(a))),
        ["dict"] = (JinjaFunction)MakeDict,
    };

    private static JinjaFunction Checked(JinjaFunction function) => arguments =>
    {
        object? result = function(arguments);
        arguments.Done();
        return result;
    };

    private static List<object?> Range(JinjaArguments a)
    {
        long start = 0, stop = JinjaValues.Integer(a.Take("stop"), "an argument of range"), step = 1;
        if (a.Left > 0) (start, stop) = (stop, JinjaValues.Integer(a.Take("stop"), "an argument of range"));
        if (a.Left > 0) step = JinjaValues.Integer(a.Take("step"), "an argument of range");
        if (step == 0) throw new JinjaException("range has the step zero");
        var items = new List<object?>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step)
        {
            a.Budget.Spend(1);
            items.Add(i);
            if (step > 0 ? i > long.MaxValue - step : i < long.MinValue - step) break;
        }
        return items;
    }

    private static Dictionary<string, object?> Named(JinjaArguments a)
    {
        var attributes = new Dictionary<string, object?>();
        if (a.Left > 0)
            foreach (var (key, value) in a.Take("init") as JinjaDict ?? throw new JinjaException("the argument of namespace is not a mapping")) attributes[key] = value;
        foreach (var (name, value) in a.TakeNamed()) attributes[name] = value;
        a.Done();
        return attributes;
    }

    private static JinjaDict MakeDict(JinjaArguments a)
    {
        var dict = new JinjaDict();
        foreach (var (name, value) in Named(a)) dict[name] = value;
        return dict;
    }

    private static string Format(string format)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            bool bare = format[i + 1] == '-' && i + 2 < format.Length;
            i += bare ? 2 : 1;
            string part = format[i] switch
            {
                'd' => s_today.ToString("dd", CultureInfo.InvariantCulture),
                'm' => s_today.ToString("MM", CultureInfo.InvariantCulture),
                'y' => s_today.ToString("yy", CultureInfo.InvariantCulture),
                'Y' => s_today.ToString("yyyy", CultureInfo.InvariantCulture),
                'b' => s_today.ToString("MMM", CultureInfo.InvariantCulture),
                'B' => s_today.ToString("MMMM", CultureInfo.InvariantCulture),
                'a' => s_today.ToString("ddd", CultureInfo.InvariantCulture),
                'A' => s_today.ToString("dddd", CultureInfo.InvariantCulture),
                'H' or 'M' or 'S' => "00",
                'j' => s_today.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
                '%' => "%",
                var directive => throw new JinjaException($"strftime_now does not know %{directive}"),
            };
            text.Append(bare ? part.TrimStart('0') : part);
        }
        return text.ToString();
    }
}
