using System.Globalization;
using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>Truth, kinds and items of values, as in Python.</summary>
internal static class JinjaValues
{
    private const int DeepestValue = 100;

    /// <summary>Whether a value counts as true.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        BigInteger number => !number.IsZero,
        TracedText text => text.Text.Length > 0,
        JinjaList list => list.Items.Count > 0,
        JinjaView view => view.Items.Count > 0,
        JinjaDict dict => !dict.IsEmpty,
        _ => true,
    };

    /// <summary>A number or boolean as a number.</summary>
    public static double? AsNumber(object? value) => value switch
    {
        bool flag => flag ? 1 : 0,
        long number => number,
        double number => number,
        BigInteger number => double.Parse(number.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
        _ => null,
    };

    /// <summary>An integer or boolean as an integer.</summary>
    public static long? AsInteger(object? value) => value switch { bool flag => flag ? 1 : 0, long number => number, _ => null };

    /// <summary>An integer, or a refusal that says what it was for.</summary>
    public static long Integer(object? value, string use) =>
        AsInteger(value) ?? throw new JinjaException($"{use} is {TypeName(value)}, expected an integer");

    /// <summary>A string, or a refusal that says what it was for.</summary>
    public static TracedText Text(object? value, string use) =>
        value as TracedText ?? throw new JinjaException($"{use} is {TypeName(value)}, expected a string");

    /// <summary>What a loop or filter walks over: a list's items, a mapping's keys, a string's characters; undefined is empty. Paid
    /// for.</summary>
    /// <returns>A list that is not to be changed.</returns>
    public static List<object?> Items(object? value, JinjaBudget budget)
    {
        switch (value)
        {
            case JinjaList list:
                budget.Spend(1 + list.Items.Count / 4);
                return list.Items;
            case JinjaView view:
                budget.Spend(1 + view.Items.Count / 4);
                return view.Items;
            case JinjaIterator iterator:
                var left = iterator.Take();
                budget.Items(left.Count);
                return left;
            case JinjaDict dict:
                budget.Items(dict.Count);
                return [.. dict.Entries.Select(entry => entry.Key)];
            case TracedText text:
                budget.Items(4L * text.CodePoints);
                var characters = new List<object?>(text.CodePoints);
                for (int i = 0; i < text.CodePoints; i++) characters.Add(text.Slice(text.PositionOf(i), text.PositionOf(i + 1)));
                return characters;
            case JinjaUndefined:
                return [];
            default:
                throw new JinjaException($"{TypeName(value)} cannot be iterated");
        }
    }

    /// <summary>The number of items, as Python's <c>len</c>.</summary>
    public static long? Length(object? value) => value switch
    {
        TracedText text => text.CodePoints,
        JinjaList list => list.Items.Count,
        JinjaView view => view.Items.Count,
        JinjaDict dict => dict.Count,
        JinjaLoop loop => loop.Count,
        JinjaUndefined => 0,
        _ => null,
    };

    /// <summary>The value's type in words.</summary>
    public static string TypeName(object? value) => value switch
    {
        null => "none",
        bool => "a boolean",
        long or double or BigInteger => "a number",
        TracedText => "a string",
        JinjaTuple => "a tuple",
        JinjaRange => "a range",
        JinjaList => "a list",
        JinjaView view => $"what {view.Kind} of a mapping gives",
        JinjaDict => "a mapping",
        JinjaIterator iterator => $"what {iterator.Kind} gives (use the filter list first)",
        JinjaUndefined undefined => $"'{undefined.Name}', which is undefined,",
        JinjaFunction => "a function",
        JinjaNamespace => "a namespace",
        JinjaLoop => "a loop",
        _ => "an object",
    };

    /// <summary>Refuses values nested so deep that walking them would exhaust the stack.</summary>
    public static void CheckDepth(int depth)
    {
        if (depth > DeepestValue) throw new JinjaException($"a value is nested deeper than {DeepestValue} levels");
    }
}
