using System.Collections.Frozen;
using System.Globalization;

namespace SparseRM.Text.Jinja;

/// <summary>The filters that stand after <c>|</c>.</summary>
internal static class JinjaFilters
{
    private static readonly FrozenDictionary<string, Func<object?, JinjaArguments, object?>> s_filters = new Dictionary<string,
        Func<object?, JinjaArguments, object?>>
    {
        ["trim"] = (value, a) => JinjaMethods.Strip(JinjaValues.Print(value), a.Take("chars", null), left: true, right: true),
        ["length"] = (value, _) => Count(value), ["count"] = (value, _) => Count(value),
        ["upper"] = (value, _) => JinjaValues.Print(value).Map(text => text.ToUpperInvariant()),
        ["lower"] = (value, _) => JinjaValues.Print(value).Map(text => text.ToLowerInvariant()),
        ["capitalize"] = (value, _) => JinjaValues.Print(value).Map(JinjaMethods.Capitalize),
        ["title"] = (value, _) => JinjaValues.Print(value).Map(JinjaMethods.Title),
        ["replace"] = (value, a) =>
            JinjaMethods.Replace(JinjaValues.Print(value), a.Take("old"), a.Take("new"), a.Take("count", null), a.Budget),
        ["join"] = Join,
        ["tojson"] = (value, a) =>
            JinjaJson.Write(value, a.Take("indent", null) is { } indent ? JinjaValues.Integer(indent, "indent") : null, a.Budget),
        ["items"] = (value, a) =>
            value is JinjaDict dict ? JinjaMethods.Pairs(dict, a.Budget) : value is JinjaUndefined ? new List<object?>()
            : throw Wrong("items", value),
        ["dictsort"] = (value, a) => value is JinjaDict dict ? Sorted(JinjaMethods.Pairs(dict, a.Budget)) : throw Wrong("dictsort", value),
        ["list"] = (value, a) => Copy(value, a),
        ["first"] = (value, _) => JinjaValues.Items(value) is [var first, ..] ? first : new JinjaUndefined("first item"),
        ["last"] = (value, _) => JinjaValues.Items(value) is [.., var last] ? last : new JinjaUndefined("last item"),
        ["reverse"] = Reverse,
        ["sort"] = (value, a) => Sort(Copy(value, a), a),
        ["unique"] = (value, a) => Unique(Copy(value, a), a.Budget),
        ["default"] = Default, ["d"] = Default,
        ["string"] = (value, _) => JinjaValues.Print(value), ["safe"] = (value, _) => JinjaValues.Print(value),
        ["int"] = (value, a) => ToInteger(value, a.Take("default", 0L)),
        ["float"] = (value, a) => ToFloat(value, a.Take("default", 0.0)),
        ["abs"] = (value, _) =>
            value is double number ? (object)Math.Abs(number)
            : Math.Abs(Math.Max(JinjaValues.Integer(value, "the value of abs"), -long.MaxValue)),
        ["indent"] = Indent,
        ["map"] = Map,
        ["select"] = (value, a) => Select(value, a, byAttribute: false, keep: true), ["reject"] = (value, a) =>
            Select(value, a, byAttribute: false, keep: false),
        ["selectattr"] = (value, a) => Select(value, a, byAttribute: true, keep: true), ["rejectattr"] = (value, a) =>
            Select(value, a, byAttribute: true, keep: false),
    }.ToFrozenDictionary();

    /// <summary>Names of all filters.</summary>
    public static IReadOnlySet<string> Names { get; } = s_filters.Keys.ToFrozenSet();

    /// <summary>Applies a filter.</summary>
    public static object? Apply(string name, object? value, JinjaArguments arguments)
    {
        if (!s_filters.TryGetValue(name, out var filter)) throw new JinjaException($"filter '{name}' is not known");
        object? result = filter(value, arguments);
        arguments.Done();
        return result;
    }

    private static JinjaException Wrong(string filter, object? value) =>
        new($"filter '{filter}' does not take {JinjaValues.TypeName(value)}");

    private static long Count(object? value) => value switch
    {
        TracedText text => text.CodePoints,
        List<object?> list => list.Count,
        JinjaDict dict => dict.Count,
        JinjaUndefined => 0,
        _ => throw Wrong("length", value),
    };

    private static List<object?> Copy(object? value, JinjaArguments a)
    {
        var items = JinjaValues.Items(value);
        a.Budget.Spend(items.Count);
        return [.. items];
    }

    private static TracedText Join(object? value, JinjaArguments a)
    {
        var separator = JinjaValues.Print(a.Take("d", TracedText.Empty));
        var items = JinjaValues.Items(value);
        if (a.TryTake("attribute", out object? attribute)) items = items.ConvertAll(item => Attribute(item, attribute));
        return JinjaMethods.Join(items, separator, a.Budget);
    }

    private static object Reverse(object? value, JinjaArguments a)
    {
        var items = Copy(value, a);
        items.Reverse();
        return value is TracedText ? JinjaMethods.Join(items, TracedText.Empty, a.Budget) : items;
    }

    private static List<object?> Sort(List<object?> items, JinjaArguments a)
    {
        bool reverse = JinjaValues.IsTrue(a.Take("reverse", false)), sensitive = JinjaValues.IsTrue(a.Take("case_sensitive", false));
        object? attribute = a.Take("attribute", null);
        a.Budget.Spend(items.Count * 20L);
        var keys = Comparer<object?>.Create((x, y) => JinjaValues.Compare(x, y));
        object? Key(object? item)
        {
            object? key = attribute is null ? item : Attribute(item, attribute);
            return key is TracedText text && !sensitive ? text.Map(characters => characters.ToLowerInvariant()) : key;
        }
        return [.. reverse ? items.OrderByDescending(Key, keys) : items.OrderBy(Key, keys)];
    }

    private static List<object?> Sorted(List<object?> pairs) =>
        [.. pairs.OrderBy(pair => ((TracedText)((List<object?>)pair!)[0]!).Text.ToLowerInvariant(), StringComparer.Ordinal)];

    private static List<object?> Unique(List<object?> items, JinjaBudget budget)
    {
        var unique = new List<object?>();
        foreach (object? item in items)
        {
            budget.Spend(unique.Count);
            if (!unique.Exists(other => JinjaValues.AreEqual(other, item))) unique.Add(item);
        }
        return unique;
    }

    private static object? Default(object? value, JinjaArguments a)
    {
        object? otherwise = a.Take("default_value", TracedText.Empty);
        bool falseToo = JinjaValues.IsTrue(a.Take("boolean", false));
        return value is JinjaUndefined || (falseToo && !JinjaValues.IsTrue(value)) ? otherwise : value;
    }

    private static object? ToInteger(object? value, object? otherwise) => value switch
    {
        double number when Math.Abs(number) < 1L << 53 => (long)number,
        TracedText text when long.TryParse(text.Text.AsSpan().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out long parsed) => parsed,
        _ => JinjaValues.AsInteger(value) ?? otherwise,
    };

    private static object? ToFloat(object? value, object? otherwise) =>
        value is TracedText text && double.TryParse(text.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed)
            ? parsed : JinjaValues.AsNumber(value) ?? otherwise;

    private static TracedText Indent(object? value, JinjaArguments a)
    {
        long width = JinjaValues.Integer(a.Take("width", 4L), "width");
        bool firstToo = JinjaValues.IsTrue(a.Take("first", false)), blankToo = JinjaValues.IsTrue(a.Take("blank", false));
        if (width is < 0 or > 1000) throw new JinjaException("indent takes a width from 0 to 1000");
        string margin = new(' ', (int)width);
        var text = JinjaValues.Print(value);
        var result = new TracedText.Builder();
        for (int at = 0; at <= text.Text.Length;)
        {
            int end = text.Text.IndexOf('\n', at);
            if (end < 0) end = text.Text.Length;
            a.Budget.SpendText(end - at + width);
            if (at == 0 ? firstToo : blankToo || end > at) result.Append(margin, TextSpan.Template);
            result.Append(text, at, Math.Min(end + 1, text.Text.Length));
            at = end + 1;
        }
        return result.ToText();
    }

    private static List<object?> Map(object? value, JinjaArguments a)
    {
        var items = Copy(value, a);
        if (a.Left == 0)
        {
            object? attribute = a.Take("attribute");
            bool hasDefault = a.TryTake("default", out object? otherwise);
            return items.ConvertAll(item =>
                Attribute(item, attribute) is var found && found is JinjaUndefined && hasDefault ? otherwise : found);
        }
        string filter = JinjaValues.Text(a.Take("filter"), "the filter of map").Text;
        var (positional, named) = Rest(a);
        return items.ConvertAll(item => Apply(filter, item, new JinjaArguments($"filter '{filter}'", positional, [.. named], a.Budget)));
    }

    private static List<object?> Select(object? value, JinjaArguments a, bool byAttribute, bool keep)
    {
        var items = Copy(value, a);
        object? attribute = byAttribute ? a.Take("attribute") : null;
        string? test = a.Left > 0 ? JinjaValues.Text(a.Take("test"), "the test").Text : null;
        var (positional, named) = Rest(a);
        return items.FindAll(item =>
        {
            object? tested = byAttribute ? Attribute(item, attribute) : item;
            return keep == (test is null ? JinjaValues.IsTrue(tested)
                : JinjaTests.Apply(test, tested, new JinjaArguments($"test '{test}'", positional, [.. named], a.Budget)));
        });
    }

    private static (List<object?> Positional, List<(string, object?)> Named) Rest(JinjaArguments a)
    {
        var positional = new List<object?>();
        while (a.Left > 0) positional.Add(a.Take("argument"));
        return (positional, a.TakeNamed());
    }

    private static object? Attribute(object? item, object? attribute)
    {
        if (attribute is not TracedText path) return JinjaOperators.Index(item, attribute);
        foreach (string part in path.Text.Split('.')) item = JinjaOperators.Index(item, TracedText.Of(part));
        return item;
    }
}
