using System.Collections.Frozen;
using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>The tests that stand after <c>is</c>.</summary>
internal static class JinjaTests
{
    private static readonly FrozenDictionary<string, Func<object?, JinjaArguments, bool>> s_tests = new Dictionary<string, Func<object?,
        JinjaArguments, bool>>
    {
        ["defined"] = (value, _) => value is not JinjaUndefined,
        ["undefined"] = (value, _) => value is JinjaUndefined,
        ["none"] = (value, _) => value is null,
        ["string"] = (value, _) => value is TracedText,
        ["number"] = (value, _) => JinjaValues.AsNumber(value) is not null,
        ["integer"] = (value, _) => value is long or BigInteger,
        ["float"] = (value, _) => value is double,
        ["boolean"] = (value, _) => value is bool,
        ["true"] = (value, _) => value is true,
        ["false"] = (value, _) => value is false,
        ["mapping"] = (value, _) => value is JinjaDict,
        ["sequence"] = (value, _) => value is TracedText or JinjaList or JinjaDict or JinjaUndefined,
        ["iterable"] = (value, _) => value is JinjaIterator or JinjaLoop || JinjaValues.Length(value) is not null,
        ["callable"] = (value, _) => value is JinjaFunction or JinjaUndefined || (value is JinjaLoop loop && loop.IsRecursive),
        ["escaped"] = (value, _) => value is TracedText { IsMarkup: true },
        ["filter"] = (value, _) => IsName(value, JinjaFilters.Names),
        ["test"] = (value, _) => IsName(value, Names!),
        ["lower"] = (value, a) => JinjaTextMethods.HasCase(JinjaPrint.Print(value, a.Budget), PythonText.IsLower, a.Budget),
        ["upper"] = (value, a) => JinjaTextMethods.HasCase(JinjaPrint.Print(value, a.Budget), PythonText.IsUpper, a.Budget),
        ["even"] = (value, a) => IsMultiple(value, 2L, a.Budget),
        ["odd"] = (value, a) => JinjaEquality.AreEqual(JinjaOperators.Binary("%", value, 2L, a.Budget), 1L, a.Budget),
        ["divisibleby"] = (value, a) => IsMultiple(value, a.Take("num"), a.Budget),
        ["in"] = (value, a) => JinjaOperators.Contains(a.Take("seq"), value, a.Budget),
        ["sameas"] = (value, a) => JinjaEquality.AreSame(value, a.Take("other"), a.Budget),
        ["eq"] = Comparison("=="), ["equalto"] = Comparison("=="), ["=="] = Comparison("=="), ["ne"] = Comparison("!="), ["!="] = Comparison("!="),
        ["lt"] = Comparison("<"), ["lessthan"] = Comparison("<"), ["<"] = Comparison("<"), ["le"] = Comparison("<="), ["<="] = Comparison("<="),
        ["gt"] = Comparison(">"), ["greaterthan"] = Comparison(">"), [">"] = Comparison(">"), ["ge"] = Comparison(">="), [">="] = Comparison(">="),
    }.ToFrozenDictionary();

    /// <summary>Names of all tests.</summary>
    public static IReadOnlySet<string> Names { get; } = s_tests.Keys.ToFrozenSet();

    /// <summary>Applies a test.</summary>
    public static bool Apply(string name, object? value, JinjaArguments arguments)
    {
        if (!s_tests.TryGetValue(name, out var test)) throw new JinjaException($"test '{name}' is not known");
        arguments.Budget.Spend(1);
        bool result = test(value, arguments);
        arguments.Done();
        return result;
    }

    // Python looks the name up in a mapping, which a list cannot be in.
    private static bool IsName(object? value, IReadOnlySet<string> names)
    {
        _ = new JinjaKey(value);
        return value is TracedText name && names.Contains(name.Text);
    }

    private static bool IsMultiple(object? value, object? number, JinjaBudget budget) =>
        JinjaEquality.AreEqual(JinjaOperators.Binary("%", value, number, budget), 0L, budget);

    private static Func<object?, JinjaArguments, bool> Comparison(string op) => (value, a) =>
        JinjaOperators.Compare(op, value, a.Take("other"), a.Budget);
}
