using System.Collections.Frozen;

namespace SparseRM.Text.Jinja;

/// <summary>The filters that stand after <c>|</c>: all of Jinja's but <c>random</c>, which depends on chance.</summary>
internal static class JinjaFilters
{
    private static readonly FrozenDictionary<string, Func<object?, JinjaArguments, object?>> s_filters = new Dictionary<string,
        Func<object?, JinjaArguments, object?>>
    {
        ["abs"] = (value, a) => JinjaNumberFilters.Abs(value, a.Budget),
        ["attr"] = (value, a) => a.Text("name").Text is var name && JinjaMethods.TryAttribute(value, name, out object? found) ? found
            : new JinjaUndefined(name),
        ["batch"] = JinjaSequenceFilters.Batch,
        ["capitalize"] = (value, a) => Cased(value, PythonText.Capitalize, a.Budget),
        ["center"] = (value, a) => Print(value, a) is var text ? JinjaTextMethods.Center(text, a.Integer("width", 80), TracedText.Of(" "), a.Budget)
            .AsMarkup(text.IsMarkup) : null,
        ["count"] = (value, _) => Count(value), ["length"] = (value, _) => Count(value),
        ["default"] = Default, ["d"] = Default,
        ["dictsort"] = JinjaSequenceFilters.SortDict,
        ["e"] = (value, a) => JinjaTextFilters.Escape(Print(value, a), a.Budget), ["escape"] = (value, a) => JinjaTextFilters.Escape(Print(value, a), a.Budget),
        ["forceescape"] = (value, a) => JinjaTextFilters.Escape(Print(value, a).AsMarkup(false), a.Budget),
        ["filesizeformat"] = (value, a) => JinjaNumberFilters.FileSize(value, a.Flag("binary")),
        ["first"] = (value, a) => JinjaSequenceFilters.First(value, a.Budget),
        ["float"] = (value, a) => JinjaNumberFilters.ToFloat(value, a.Take("default", 0.0)),
        ["format"] = JinjaTextFilters.Format,
        ["groupby"] = JinjaSequenceFilters.GroupBy,
        ["indent"] = JinjaTextFilters.Indent,
        ["int"] = (value, a) => JinjaNumberFilters.ToInteger(value, a.Take("default", 0L), a.Integer("base", 10)),
        ["items"] = (value, a) => value is JinjaDict dict ? new JinjaIterator(JinjaMethods.Pairs(dict, a.Budget), "items")
            : value is JinjaUndefined ? new JinjaIterator([], "items") : throw Wrong("items", value),
        ["join"] = JinjaSequenceFilters.Join,
        ["last"] = (value, a) => JinjaSequenceFilters.Last(value, a.Budget),
        ["list"] = (value, a) => new JinjaList(JinjaSequenceFilters.Copy(value, a.Budget)),
        ["lower"] = (value, a) => Cased(value, PythonText.Lower, a.Budget), ["upper"] = (value, a) => Cased(value, PythonText.Upper, a.Budget),
        ["map"] = JinjaSequenceFilters.Map,
        ["max"] = (value, a) => JinjaSequenceFilters.Extreme(value, a, highest: true),
        ["min"] = (value, a) => JinjaSequenceFilters.Extreme(value, a, highest: false),
        ["pprint"] = (value, a) => JinjaPrettyPrint.Print(value, a.Budget),
        ["reject"] = (value, a) => JinjaSequenceFilters.Select("reject", value, a, byAttribute: false, keep: false),
        ["rejectattr"] = (value, a) => JinjaSequenceFilters.Select("rejectattr", value, a, byAttribute: true, keep: false),
        ["select"] = (value, a) => JinjaSequenceFilters.Select("select", value, a, byAttribute: false, keep: true),
        ["selectattr"] = (value, a) => JinjaSequenceFilters.Select("selectattr", value, a, byAttribute: true, keep: true),
        ["replace"] = JinjaTextFilters.Replace,
        ["reverse"] = JinjaSequenceFilters.Reverse,
        ["round"] = JinjaNumberFilters.Round,
        ["safe"] = (value, a) => Print(value, a).AsMarkup(),
        ["slice"] = JinjaSequenceFilters.Slice,
        ["sort"] = JinjaSequenceFilters.Sort,
        ["striptags"] = (value, a) => JinjaLayoutFilters.StripTags(value, a.Budget),
        ["string"] = (value, a) => Print(value, a),
        ["sum"] = JinjaSequenceFilters.Sum,
        ["title"] = (value, a) => JinjaTextFilters.Title(Print(value, a), a.Budget),
        ["tojson"] = JinjaJson.Write,
        ["trim"] = (value, a) => Print(value, a) is var text
            ? JinjaTextSearch.Strip(text, a.Take("chars", null), left: true, right: true, a.Budget).AsMarkup(text.IsMarkup) : null,
        ["truncate"] = JinjaTextFilters.Truncate,
        ["unique"] = JinjaSequenceFilters.Unique,
        ["urlencode"] = JinjaTextFilters.UrlEncode,
        ["urlize"] = JinjaUrlize.Apply,
        ["wordwrap"] = JinjaLayoutFilters.WordWrap,
        ["xmlattr"] = JinjaLayoutFilters.XmlAttributes,
        ["wordcount"] = (value, a) => JinjaTextFilters.WordCount(Print(value, a), a.Budget),
    }.ToFrozenDictionary();

    /// <summary>Names of all filters.</summary>
    public static IReadOnlySet<string> Names { get; } = s_filters.Keys.ToFrozenSet();

    /// <summary>Applies a filter; filters apply others, so this is a level.</summary>
    public static object? Apply(string name, object? value, JinjaArguments arguments)
    {
        if (!s_filters.TryGetValue(name, out var filter)) throw new JinjaException($"filter '{name}' is not known");
        arguments.Budget.Enter();
        arguments.Budget.Spend(1);
        object? result = filter(value, arguments);
        arguments.Done();
        arguments.Budget.Leave();
        return result;
    }

    /// <summary>The refusal of a value that a filter does not take.</summary>
    public static JinjaException Wrong(string filter, object? value) =>
        new($"filter '{filter}' does not take {JinjaValues.TypeName(value)}");

    private static TracedText Print(object? value, JinjaArguments a) => JinjaPrint.Print(value, a.Budget);

    private static TracedText Cased(object? value, Func<string, int, int, string> map, JinjaBudget budget)
    {
        var text = JinjaPrint.Print(value, budget);
        return JinjaTextMethods.Cased(text, map, budget).AsMarkup(text.IsMarkup);
    }

    private static object Count(object? value) => JinjaValues.Length(value) ?? throw Wrong("length", value);

    private static object? Default(object? value, JinjaArguments a)
    {
        object? otherwise = a.Take("default_value", TracedText.Empty);
        bool falseToo = a.Flag("boolean");
        return value is JinjaUndefined || (falseToo && !JinjaValues.IsTrue(value)) ? otherwise : value;
    }
}
