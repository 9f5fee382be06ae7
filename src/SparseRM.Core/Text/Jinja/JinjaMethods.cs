using System.Collections.Frozen;

namespace SparseRM.Text.Jinja;

/// <summary>Attributes and methods of values: strings as in Python, mappings, lists, loops, namespaces. What would change a value is
/// refused, as by Jinja's immutable sandbox.</summary>
internal static class JinjaMethods
{
    private static readonly FrozenSet<string> s_changing = ((string[])["append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear",
        "update", "setdefault", "popitem"]).ToFrozenSet();

    private static readonly FrozenDictionary<string, Func<JinjaDict, JinjaArguments, object?>> s_dict =
        new Dictionary<string, Func<JinjaDict, JinjaArguments, object?>>
        {
            ["items"] = (dict, a) => new JinjaView("items", Pairs(dict, a.Budget)),
            ["keys"] = (dict, a) => new JinjaView("keys", JinjaValues.Items(dict, a.Budget)),
            ["values"] = (dict, a) => new JinjaView("values", Values(dict, a.Budget)),
            ["get"] = (dict, a) => Get(dict, a.Take("key"), a.Take("default", null), a.Budget),
            ["copy"] = (dict, _) => dict,
        }.ToFrozenDictionary();

    /// <summary><c>target.name</c>: an attribute, else an item; undefined where there is no such thing.</summary>
    public static object? Attribute(object? target, TracedText name, JinjaBudget budget) =>
        TryAttribute(target, name.Text, out object? value) ? value
        : target is JinjaDict dict && dict.TryGet(name, budget, out value) ? value : new JinjaUndefined(name.Text);

    /// <summary><c>target.name</c> without items; false where there is no such thing.</summary>
    public static bool TryAttribute(object? target, string name, out object? value)
    {
        value = target switch
        {
            JinjaUndefined undefined => throw new JinjaException($"'{undefined.Name}' is undefined"),
            TracedText text when JinjaTextMethods.All.TryGetValue(name, out var method) => Bind(text, method, name),
            JinjaDict dict when s_dict.TryGetValue(name, out var method) => Bind(dict, method),
            JinjaList or JinjaDict when s_changing.Contains(name) => Refuse(target, name),
            JinjaGroup group when name is "grouper" or "list" => group.Items[name == "grouper" ? 0 : 1],
            JinjaList list when name == "index" => (JinjaFunction)(a => Checked(a, IndexOf(list, a.Take("value"), a.Budget))),
            JinjaList list when name == "count" => (JinjaFunction)(a => Checked(a, CountOf(list, a.Take("value"), a.Budget))),
            JinjaList list and not JinjaTuple when name == "copy" => (JinjaFunction)(a => Checked(a, list)),
            JinjaNamespace space when space.Attributes.TryGetValue(name, out object? attribute) => attribute,
            JinjaLoop loop => loop.Attribute(name),
            JinjaCycler cycler => cycler.Attribute(name),
            _ => s_missing,
        };
        return !ReferenceEquals(value, s_missing);
    }

    /// <summary>Key and value of each entry, as tuples.</summary>
    public static List<object?> Pairs(JinjaDict dict, JinjaBudget budget)
    {
        budget.Items(4L * dict.Count);
        return [.. dict.Entries.Select(entry => (object?)new JinjaTuple([entry.Key, entry.Value]))];
    }

    private static readonly object s_missing = new();

    private static List<object?> Values(JinjaDict dict, JinjaBudget budget)
    {
        budget.Items(dict.Count);
        return [.. dict.Entries.Select(entry => entry.Value)];
    }

    private static object? Get(JinjaDict dict, object? key, object? otherwise, JinjaBudget budget) =>
        dict.TryGet(key, budget, out object? value) ? value : otherwise;

    private static object Refuse(object target, string name) =>
        throw new JinjaException($"'{name}' of {JinjaValues.TypeName(target)} is not allowed: it changes a value");

    private static long IndexOf(JinjaList list, object? value, JinjaBudget budget) =>
        list.Items.FindIndex(item => JinjaEquality.AreEqual(item, value, budget)) is >= 0 and var at ? at
            : throw new JinjaException("index of a value that is not in the list");

    private static long CountOf(JinjaList list, object? value, JinjaBudget budget) =>
        list.Items.FindAll(item => JinjaEquality.AreEqual(item, value, budget)).Count;

    private static object? Checked(JinjaArguments arguments, object? result)
    {
        arguments.Done();
        return result;
    }

    private static JinjaFunction Bind(TracedText text, Func<TracedText, JinjaArguments, object?> method, string name) => arguments =>
    {
        arguments.Budget.Read(text.Text.Length);
        if (text.IsMarkup && name is "format" or "format_map" or "join" or "replace")
            throw new JinjaException($"'{name}' of a string that is marked as safe is not supported");
        object? result = Checked(arguments, method(text, arguments));
        return text.IsMarkup ? Marked(result) : result;
    };

    private static object? Marked(object? result) => result switch
    {
        TracedText text => text.AsMarkup(),
        JinjaTuple tuple => new JinjaTuple(tuple.Items.ConvertAll(Marked)),
        JinjaList list => new JinjaList(list.Items.ConvertAll(Marked)),
        _ => result,
    };

    private static JinjaFunction Bind(JinjaDict dict, Func<JinjaDict, JinjaArguments, object?> method) =>
        arguments => Checked(arguments, method(dict, arguments));
}
