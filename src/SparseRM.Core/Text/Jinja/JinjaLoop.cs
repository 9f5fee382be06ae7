namespace SparseRM.Text.Jinja;

/// <summary>The variable <c>loop</c>.</summary>
/// <param name="items">What the loop walks over.</param>
/// <param name="depth">Loops of its own recursion around it.</param>
/// <param name="again">Renders the loop over other items; null where it is not recursive.</param>
internal sealed class JinjaLoop(List<object?> items, int depth, JinjaFunction? again)
{
    private List<object?>? _last;

    /// <summary>Turn, from 0.</summary>
    public int Index { get; set; }

    /// <summary>Number of turns.</summary>
    public int Count => items.Count;

    /// <summary>Whether it may be called.</summary>
    public bool IsRecursive => again is not null;

    /// <summary>The loop's body over other items.</summary>
    public object? Call(JinjaArguments arguments) => again is null ? throw new JinjaException("loop is called, but its tag is not 'recursive'") : again(arguments);

    /// <summary>Python's print.</summary>
    public string Print() => $"<LoopContext {Index + 1}/{items.Count}>";

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
        "depth" => depth + 1L,
        "depth0" => (long)depth,
        "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("loop.previtem"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new JinjaUndefined("loop.nextitem"),
        "cycle" => (JinjaFunction)Cycle,
        "changed" => (JinjaFunction)Changed,
        _ => new JinjaUndefined($"loop.{name}"),
    };

    private object? Cycle(JinjaArguments a)
    {
        var values = a.TakeRest();
        a.Done();
        return values.Count > 0 ? values[Index % values.Count] : throw new JinjaException("loop.cycle needs values");
    }

    private object Changed(JinjaArguments a)
    {
        var values = a.TakeRest();
        a.Done();
        bool same = _last is not null && JinjaEquality.AreEqual(new JinjaTuple(_last), new JinjaTuple(values), a.Budget);
        _last = values;
        return !same;
    }
}

/// <summary>What <c>cycler</c> gives: values that come round.</summary>
internal sealed class JinjaCycler(List<object?> values)
{
    private int _at;

    /// <summary>An attribute, or undefined.</summary>
    public object? Attribute(string name) => name switch
    {
        "current" => values[_at],
        "next" => (JinjaFunction)(a =>
        {
            a.Done();
            object? value = values[_at];
            _at = (_at + 1) % values.Count;
            return value;
        }),
        "reset" => (JinjaFunction)(a =>
        {
            a.Done();
            _at = 0;
            return null;
        }),
        _ => new JinjaUndefined(name),
    };
}
