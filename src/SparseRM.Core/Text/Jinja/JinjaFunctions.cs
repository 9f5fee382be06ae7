using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>The functions that templates find: Jinja's own (but for <c>lipsum</c>, which is chance) and those that transformers adds.</summary>
internal static class JinjaFunctions
{
    // Jinja's sandbox allows no longer one.
    private const int LongestRange = 100_000;

    /// <summary>A scope of all functions, which renders may share; <paramref name="template"/> is named when the template refuses the dialogue.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="day">The argument <c>date_string</c>, which <c>strftime_now</c> follows; null for the fixed day.</param>
    public static JinjaScope Scope(string template, object? day)
    {
        var scope = new JinjaScope(null);
        scope.Set("raise_exception", (JinjaFunction)(a => throw new SparseRMException(
            $"the chat template '{template}' refuses the dialogue: {JinjaEvaluator.Shown(JinjaPrint.Print(a.Take("message"), a.Budget).Text)}")));
        scope.Set("strftime_now", Checked(a => PythonDate.Format(a.Text("format").Text, day, a.Budget)));
        scope.Set("range", Checked(Range));
        scope.Set("namespace", (JinjaFunction)MakeNamespace);
        scope.Set("dict", (JinjaFunction)MakeDict);
        scope.Set("cycler", Checked(a => a.TakeRest() is { Count: > 0 } values ? new JinjaCycler(values) : throw new JinjaException("cycler needs values")));
        scope.Set("joiner", Checked(Joiner));
        return scope;
    }

    private static JinjaFunction Checked(JinjaFunction function) => arguments =>
    {
        object? result = function(arguments);
        arguments.Done();
        return result;
    };

    private static JinjaRange Range(JinjaArguments a)
    {
        long start = 0, stop = JinjaValues.Integer(a.Take("stop"), "an argument of range"), step = 1;
        if (a.Left > 0) (start, stop) = (stop, JinjaValues.Integer(a.Take("stop"), "an argument of range"));
        if (a.Left > 0) step = JinjaValues.Integer(a.Take("step"), "an argument of range");
        if (step == 0) throw new JinjaException("range has the step zero");
        var count = step > 0 ? ((Int128)stop - start + step - 1) / step : ((Int128)start - stop - step - 1) / -step;
        if (count > LongestRange) throw new JinjaException($"range gives more than {LongestRange:N0} numbers, which Jinja's sandbox does not allow");
        a.Budget.Items((long)Int128.Max(count, 0));
        var items = new List<object?>();
        for (long i = 0; i < count; i++) items.Add(start + i * step);
        return new JinjaRange(start, stop, step, items);
    }

    private static List<(object? Key, object? Value)> Named(JinjaArguments a)
    {
        var entries = new List<(object?, object?)>();
        if (a.TryTake("init", out object? init))
        {
            if (init is JinjaDict dict) entries.AddRange(dict.Entries);
            else
                foreach (object? pair in JinjaValues.Items(init, a.Budget))
                    entries.Add(JinjaValues.Items(pair, a.Budget) is [var key, var value] ? (key, value)
                        : throw new JinjaException("a mapping is made of pairs"));
        }
        foreach (var (name, value) in a.TakeNamed()) entries.Add((TracedText.Of(name), value));
        a.Done();
        a.Budget.Items(4L * entries.Count);
        return entries;
    }

    private static JinjaNamespace MakeNamespace(JinjaArguments a)
    {
        var attributes = new Dictionary<string, object?>();
        a.Budget.Hold(JinjaScope.Size);
        foreach (var (key, value) in Named(a)) attributes[JinjaValues.Text(key, "an attribute of a namespace").Text] = value;
        return new JinjaNamespace(attributes);
    }

    private static JinjaDict MakeDict(JinjaArguments a)
    {
        var dict = new JinjaDict();
        a.Budget.Hold(JinjaScope.Size);
        foreach (var (name, value) in Named(a)) dict.Set(name, value);
        return dict;
    }

    private static JinjaFunction Joiner(JinjaArguments a)
    {
        var separator = a.Take("sep", TracedText.Of(", "));
        bool used = false;
        return Checked(_ =>
        {
            object? result = used ? separator : TracedText.Empty;
            used = true;
            return result;
        });
    }
}
