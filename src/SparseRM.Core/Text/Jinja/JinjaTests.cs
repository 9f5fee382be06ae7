using System.Collections.Frozen;

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
        ["integer"] = (value, _) => value is long,
        ["float"] = (value, _) => value is double,
        ["boolean"] = (value, _) => value is bool,
        ["true"] = (value, _) => value is true,
        ["false"] = (value, _) => value is false,
        ["mapping"] = (value, _) => value is JinjaDict,
        ["sequence"] = (value, _) => value is TracedText or List<object?> or JinjaDict,
        ["iterable"] = (value, _) => value is TracedText or List<object?> or JinjaDict or JinjaUndefined,
        ["callable"] = (value, _) => value is JinjaFunction,
        ["even"] = (value, _) => JinjaValues.Integer(value, "the value of 'is even'") % 2 == 0,
        ["odd"] = (value, _) => JinjaValues.Integer(value, "the value of 'is odd'") % 2 != 0,
        ["divisibleby"] = (value, a) => JinjaOperators.Binary("%", value, a.Take("num"), a.Budget) is 0L,
        ["in"] = (value, a) => JinjaOperators.Contains(a.Take("seq"), value),
        ["eq"] = Comparison("=="), ["equalto"] = Comparison("=="), ["sameas"] = (value, a) => JinjaValues.AreEqual(value, a.Take("other")),
        ["ne"] = Comparison("!="), ["lt"] = Comparison("<"), ["lessthan"] = Comparison("<"), ["le"] = Comparison("<="),
        ["gt"] = Comparison(">"), ["greaterthan"] = Comparison(">"), ["ge"] = Comparison(">="),
    }.ToFrozenDictionary();

    /// <summary>Names of all tests.</summary>
    public static IReadOnlySet<string> Names { get; } = s_tests.Keys.ToFrozenSet();

    /// <summary>Applies a test.</summary>
    public static bool Apply(string name, object? value, JinjaArguments arguments)
    {
        if (!s_tests.TryGetValue(name, out var test)) throw new JinjaException($"test '{name}' is not known");
        bool result = test(value, arguments);
        arguments.Done();
        return result;
    }

    private static Func<object?, JinjaArguments, bool> Comparison(string op) => (value, a) =>
        JinjaOperators.Compare(op, value, a.Take("other"));
}
