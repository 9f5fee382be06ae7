using System.Globalization;

namespace SparseRM.Text.Jinja;

/// <summary>Filters of lists and mappings.</summary>
internal static partial class JinjaSequenceFilters
{
    /// <summary>The items in a list of their own.</summary>
    public static List<object?> Copy(object? value, JinjaBudget budget)
    {
        var items = JinjaValues.Items(value, budget);
        budget.Items(items.Count);
        return [.. items];
    }

    /// <summary>The first item, or undefined.</summary>
    public static object? First(object? value, JinjaBudget budget) => value switch
    {
        TracedText { Text.Length: > 0 } => JinjaOperators.Index(value, 0L, budget),
        JinjaList { Items.Count: > 0 } list => list.Items[0],
        JinjaIterator iterator => iterator.TryNext(out object? item) ? item : new JinjaUndefined("the first item of nothing"),
        _ => JinjaValues.Items(value, budget) is [var first, ..] ? first : new JinjaUndefined("the first item of nothing"),
    };

    /// <summary>The last item, or undefined.</summary>
    public static object? Last(object? value, JinjaBudget budget) => value switch
    {
        TracedText { Text.Length: > 0 } => JinjaOperators.Index(value, -1L, budget),
        JinjaList { Items.Count: > 0 } list => list.Items[^1],
        JinjaIterator => throw JinjaFilters.Wrong("last", value),
        _ => JinjaValues.Items(value, budget) is [.., var last] ? last : new JinjaUndefined("the last item of nothing"),
    };

    /// <summary>Items printed, with a separator between them.</summary>
    public static TracedText Join(object? value, JinjaArguments a)
    {
        var separator = JinjaPrint.Print(a.Take("d", TracedText.Empty), a.Budget);
        var items = JinjaValues.Items(value, a.Budget);
        if (a.TryTake("attribute", out object? attribute) && attribute is not null) items = items.ConvertAll(Getter(attribute, a.Budget));
        return JinjaTextSearch.Join(items, separator, a.Budget).AsMarkup(false);
    }

    /// <summary>The items from last to first; a string backwards.</summary>
    public static object Reverse(object? value, JinjaArguments a)
    {
        if (value is TracedText) return JinjaOperators.Slice(value, null, null, -1L, a.Budget)!;
        var items = Copy(value, a.Budget);
        items.Reverse();
        return new JinjaIterator(items, "reverse");
    }

    /// <summary>The items in order, by themselves or by attributes.</summary>
    public static JinjaList Sort(object? value, JinjaArguments a)
    {
        bool reverse = a.Flag("reverse"), sensitive = a.Flag("case_sensitive");
        object? attribute = a.Take("attribute", null);
        Converter<object?, object?> key = attribute is TracedText several && several.Text.Contains(',', StringComparison.Ordinal)
            ? Keys([.. several.Text.Split(',').Select(part => Getter(TracedText.Of(part), a.Budget))]) : Getter(attribute, a.Budget);
        return new JinjaList(JinjaEquality.Sort(JinjaValues.Items(value, a.Budget), item => Folded(key(item)), reverse, a.Budget));

        object? Folded(object? found) => sensitive ? found : found is JinjaKeys keys
            ? new JinjaList(keys.Items.ConvertAll(part => IgnoreCase(part, a.Budget))) : IgnoreCase(found, a.Budget);
        Converter<object?, object?> Keys(List<Converter<object?, object?>> getters) => item => new JinjaKeys(getters.ConvertAll(getter => getter(item)));
    }

    /// <summary>A mapping's entries in the order of keys or values.</summary>
    public static JinjaList SortDict(object? value, JinjaArguments a)
    {
        if (value is not JinjaDict dict) throw JinjaFilters.Wrong("dictsort", value);
        bool sensitive = a.Flag("case_sensitive");
        string by = a.TryTake("by", out object? given) ? JinjaValues.Text(given, "by").Text : "key";
        int place = by switch { "key" => 0, "value" => 1, _ => throw new JinjaException("dictsort sorts by 'key' or 'value'") };
        bool reverse = a.Flag("reverse");
        return new JinjaList(JinjaEquality.Sort(JinjaMethods.Pairs(dict, a.Budget), pair =>
            ((JinjaTuple)pair!).Items[place] is var part && sensitive ? part : IgnoreCase(part, a.Budget), reverse, a.Budget));
    }

    /// <summary>The items without repetitions.</summary>
    public static JinjaIterator Unique(object? value, JinjaArguments a)
    {
        bool sensitive = a.Flag("case_sensitive");
        var getter = Getter(a.Take("attribute", null), a.Budget);
        var items = Copy(value, a.Budget);
        var seen = new HashSet<JinjaKey>();
        return new JinjaIterator(items.FindAll(item => seen.Add(Key(getter(item)))), "unique");

        JinjaKey Key(object? key)
        {
            if (key is TracedText text) a.Budget.Read(text.Text.Length);
            return new JinjaKey(sensitive ? key : IgnoreCase(key, a.Budget));
        }
    }

    /// <summary>Groups of items that have an attribute in common, in its order.</summary>
    public static JinjaList GroupBy(object? value, JinjaArguments a)
    {
        object? attribute = a.Take("attribute"), otherwise = a.Take("default", null);
        bool sensitive = a.Flag("case_sensitive");
        var getter = Getter(attribute, a.Budget, otherwise);
        object? Key(object? item) => sensitive ? getter(item) : IgnoreCase(getter(item), a.Budget);
        var groups = new List<object?>();
        List<object?>? group = null;
        object? last = null;
        foreach (object? item in JinjaEquality.Sort(JinjaValues.Items(value, a.Budget), Key, reverse: false, a.Budget))
        {
            object? key = Key(item);
            if (group is null || !JinjaEquality.AreEqual(key, last, a.Budget))
            {
                a.Budget.Items(8);
                groups.Add(new JinjaGroup(getter(item), new JinjaList(group = [])));
            }
            group.Add(item);
            last = key;
        }
        return new JinjaList(groups);
    }

    /// <summary>The sum of numbers or lists, or of an attribute.</summary>
    public static object? Sum(object? value, JinjaArguments a)
    {
        var getter = Getter(a.Take("attribute", null), a.Budget);
        object? sum = a.Take("start", 0L);
        if (sum is TracedText) throw new JinjaException("sum does not take strings; use the filter join");
        foreach (object? item in JinjaValues.Items(value, a.Budget)) sum = JinjaOperators.Binary("+", sum, getter(item), a.Budget);
        return sum;
    }

    /// <summary>The least or greatest item, or undefined.</summary>
    public static object? Extreme(object? value, JinjaArguments a, bool highest)
    {
        bool sensitive = a.Flag("case_sensitive");
        var getter = Getter(a.Take("attribute", null), a.Budget);
        object? Key(object? item) => sensitive ? getter(item) : IgnoreCase(getter(item), a.Budget);
        var items = JinjaValues.Items(value, a.Budget);
        if (items.Count == 0) return new JinjaUndefined("the extreme of nothing");
        object? best = items[0], key = Key(best);
        foreach (object? item in items.Skip(1))
        {
            object? other = Key(item);
            int? order = JinjaEquality.Compare(other, key, a.Budget);
            if (highest ? order > 0 : order < 0) (best, key) = (item, other);
        }
        return best;
    }

    /// <summary>An attribute or a filter of each item.</summary>
    public static JinjaIterator Map(object? value, JinjaArguments a)
    {
        var items = Copy(value, a.Budget);
        if (a.Left == 0)
        {
            if (!a.TryTakeNamed("attribute", out object? attribute)) throw new JinjaException("map needs a filter or an attribute");
            a.TryTakeNamed("default", out object? otherwise);
            return new JinjaIterator(items.ConvertAll(Getter(attribute, a.Budget, otherwise)), "map");
        }
        string filter = a.Text("filter").Text;
        var (positional, named) = Rest(a);
        return new JinjaIterator(items.ConvertAll(item => JinjaFilters.Apply(filter, item,
            new JinjaArguments($"filter '{filter}'", positional, [.. named], a.Budget))), "map");
    }

    /// <summary>The items that pass a test, or do not.</summary>
    public static JinjaIterator Select(string name, object? value, JinjaArguments a, bool byAttribute, bool keep)
    {
        var items = Copy(value, a.Budget);
        var getter = Getter(byAttribute ? a.Take("attribute") : null, a.Budget);
        string? test = a.Left > 0 ? a.Text("test").Text : null;
        var (positional, named) = Rest(a);
        return new JinjaIterator(items.FindAll(item => keep == (test is null ? JinjaValues.IsTrue(getter(item))
            : JinjaTests.Apply(test, getter(item), new JinjaArguments($"test '{test}'", positional, [.. named], a.Budget)))), name);
    }

    private static (List<object?> Positional, List<(string, object?)> Named) Rest(JinjaArguments a)
    {
        a.Budget.Items(a.Left + a.NamedLeft);
        return (a.TakeRest(), a.TakeNamed());
    }

    private static object? IgnoreCase(object? value, JinjaBudget budget) =>
        value is TracedText text ? JinjaTextMethods.Cased(text, PythonText.Lower, budget) : value;

    // a.b.0 of an item, a number, or the item itself.
    private static Converter<object?, object?> Getter(object? attribute, JinjaBudget budget, object? otherwise = null)
    {
        if (attribute is null) return item => item;
        if (attribute is TracedText path) budget.Items(2L * path.Text.Length);
        object[] parts = attribute is TracedText text ? [.. text.Text.Split('.').Select(Part)] : [attribute];
        return item =>
        {
            foreach (object part in parts)
            {
                budget.Spend(1);
                item = JinjaOperators.Index(item, part, budget);
                if (otherwise is not null && item is JinjaUndefined) item = otherwise;
            }
            return item;
        };
    }

    private static object Part(string part) =>
        long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index : TracedText.Of(part);

    // Several sort keys of one item.
    private sealed class JinjaKeys(List<object?> items) : JinjaList(items);
}
