using System.Globalization;

namespace SparseRM.Text.Jinja;

/// <summary>A template did what its language or this interpreter does not allow; becomes a sentence with template and line.</summary>
internal sealed class JinjaException(string problem) : Exception(problem);

/// <summary>A function, method or macro.</summary>
internal delegate object? JinjaFunction(JinjaArguments arguments);

/// <summary>The value of a name that nothing defines: prints as nothing, is false, and cannot be used otherwise.</summary>
internal sealed record JinjaUndefined(string Name);

/// <summary>A namespace: the one thing whose attributes a template may set.</summary>
internal sealed record JinjaNamespace(Dictionary<string, object?> Attributes);

/// <summary>A mapping with its order.</summary>
internal sealed class JinjaDict : OrderedDictionary<string, object?>;

/// <summary>The variable <c>loop</c>.</summary>
internal sealed class JinjaLoop(List<object?> items)
{
    /// <summary>Turn, from 0.</summary>
    public int Index { get; set; }

    /// <summary>An attribute, or undefined.</summary>
    public object? Attribute(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)(items.Count - Index),
        "revindex0" => (long)(items.Count - Index - 1),
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("loop.previtem"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new JinjaUndefined("loop.nextitem"),
        _ => throw new JinjaException($"loop.{name} is not known"),
    };
}

/// <summary>Truth, equality, order and printing of values, as in Python.</summary>
internal static class JinjaValues
{
    private const int DeepestValue = 50;

    /// <summary>Whether a value counts as true.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        TracedText text => text.Text.Length > 0,
        List<object?> list => list.Count > 0,
        JinjaDict dict => dict.Count > 0,
        _ => true,
    };

    /// <summary>Python's <c>==</c>.</summary>
    public static bool AreEqual(object? left, object? right, int depth = 0)
    {
        CheckDepth(depth);
        if (AsNumber(left) is { } a && AsNumber(right) is { } b) return left is double || right is double ? a == b
            : AsInteger(left) == AsInteger(right);
        return (left, right) switch
        {
            (null, null) or (JinjaUndefined, JinjaUndefined) => true,
            (TracedText x, TracedText y) => x.Text == y.Text,
            (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(pair => AreEqual(pair.First, pair.Second, depth + 1)),
            (JinjaDict x, JinjaDict y) =>
                x.Count == y.Count && x.All(entry =>
                y.TryGetValue(entry.Key, out object? other) && AreEqual(entry.Value, other, depth + 1)),
            _ => ReferenceEquals(left, right),
        };
    }

    /// <summary>Python's order of numbers, strings and lists.</summary>
    public static int Compare(object? left, object? right, int depth = 0)
    {
        CheckDepth(depth);
        if (AsNumber(left) is { } a && AsNumber(right) is { } b) return left is double || right is double ? a.CompareTo(b)
            : AsInteger(left)!.Value.CompareTo(AsInteger(right)!.Value);
        if (left is TracedText x && right is TracedText y) return string.CompareOrdinal(x.Text, y.Text);
        if (left is List<object?> p && right is List<object?> q)
        {
            for (int i = 0; i < Math.Min(p.Count, q.Count); i++)
                if (Compare(p[i], q[i], depth + 1) is not 0 and var order) return order;
            return p.Count.CompareTo(q.Count);
        }
        throw new JinjaException($"{TypeName(left)} and {TypeName(right)} have no order");
    }

    /// <summary>A number or boolean as a number.</summary>
    public static double? AsNumber(object? value) =>
        value switch { bool flag => flag ? 1 : 0, long number => number, double number => number, _ => null };

    /// <summary>An integer or boolean as an integer.</summary>
    public static long? AsInteger(object? value) => value switch { bool flag => flag ? 1 : 0, long number => number, _ => null };

    /// <summary>An integer, or a refusal that says what it was for.</summary>
    public static long Integer(object? value, string use) =>
        AsInteger(value) ?? throw new JinjaException($"{use} is {TypeName(value)}, expected an integer");

    /// <summary>A string, or a refusal that says what it was for.</summary>
    public static TracedText Text(object? value, string use) =>
        value as TracedText ?? throw new JinjaException($"{use} is {TypeName(value)}, expected a string");

    /// <summary>Python's <c>str</c> of a value.</summary>
    public static TracedText Print(object? value) => value switch
    {
        TracedText text => text,
        JinjaUndefined => TracedText.Empty,
        null => TracedText.Of("None"),
        bool flag => TracedText.Of(flag ? "True" : "False"),
        long number => TracedText.Of(number.ToString(CultureInfo.InvariantCulture)),
        double number => TracedText.Of(Print(number)),
        _ => throw new JinjaException($"{TypeName(value)} cannot be printed; use the filter tojson"),
    };

    /// <summary>Python's <c>repr</c> of a float, for numbers of everyday size.</summary>
    public static string Print(double number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny(".EN∞") || double.IsInfinity(number) ? text : text + ".0";
    }

    /// <summary>What a loop or filter walks over: a list's items, a mapping's keys, a string's characters; undefined is empty.</summary>
    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        JinjaDict dict => [.. dict.Keys.Select(key => (object?)TracedText.Of(key))],
        TracedText text => [.. Enumerable.Range(0, text.CodePoints).Select(i =>
            (object?)text.Slice(text.PositionOf(i), text.PositionOf(i + 1)))],
        JinjaUndefined => [],
        _ => throw new JinjaException($"{TypeName(value)} cannot be iterated"),
    };

    /// <summary>The value's type in words.</summary>
    public static string TypeName(object? value) => value switch
    {
        null => "none",
        bool => "a boolean",
        long or double => "a number",
        TracedText => "a string",
        List<object?> => "a list",
        JinjaDict => "a mapping",
        JinjaUndefined undefined => $"'{undefined.Name}', which is undefined,",
        JinjaFunction => "a function",
        JinjaNamespace => "a namespace",
        _ => "a loop",
    };

    /// <summary>Refuses values nested so deep that walking them would exhaust the stack.</summary>
    public static void CheckDepth(int depth)
    {
        if (depth > DeepestValue) throw new JinjaException($"a value is nested deeper than {DeepestValue} levels");
    }
}
