namespace SparseRM.Text.Jinja;

/// <summary>Evaluated arguments of one call; the callee takes them in the order of its signature, and what it does not take is
/// refused.</summary>
internal sealed class JinjaArguments(string callee, List<object?> positional, List<(string Name, object? Value)> named, JinjaBudget budget)
{
    private int _taken;

    /// <summary>What the render may still spend.</summary>
    public JinjaBudget Budget => budget;

    /// <summary>Positional arguments that are not yet taken.</summary>
    public int Left => positional.Count - _taken;

    /// <summary>Takes the next argument of the signature; false where the call does not give it.</summary>
    public bool TryTake(string name, out object? value)
    {
        value = null;
        if (_taken < positional.Count)
        {
            value = positional[_taken++];
            return true;
        }
        int index = named.FindIndex(argument => argument.Name == name);
        if (index < 0) return false;
        value = named[index].Value;
        named.RemoveAt(index);
        return true;
    }

    /// <summary>Takes the next argument, or gives <paramref name="otherwise"/>.</summary>
    public object? Take(string name, object? otherwise) => TryTake(name, out object? value) ? value : otherwise;

    /// <summary>Takes the next argument, which must be given.</summary>
    public object? Take(string name) =>
        TryTake(name, out object? value) ? value : throw new JinjaException($"{callee} needs its argument '{name}'");

    /// <summary>Takes all named arguments that are left.</summary>
    public List<(string Name, object? Value)> TakeNamed()
    {
        List<(string, object?)> rest = [.. named];
        named.Clear();
        return rest;
    }

    /// <summary>Refuses arguments that nobody took.</summary>
    public void Done()
    {
        if (_taken < positional.Count) throw new JinjaException($"{callee} does not take {positional.Count} arguments");
        if (named.Count > 0) throw new JinjaException($"{callee} has no argument '{named[0].Name}'");
    }
}

/// <summary>What one render may spend, so that a hostile template ends: evaluated nodes, and characters built (16 count as a
/// step).</summary>
internal sealed class JinjaBudget
{
    private const long Steps = 5_000_000;
    private long _left = Steps;

    /// <summary>Pays for steps before they are taken.</summary>
    public void Spend(long steps)
    {
        _left -= Math.Min(steps, Steps + 1);
        if (_left < 0) throw new JinjaException($"the render takes more than {Steps:N0} steps");
    }

    /// <summary>Pays for characters before they are built.</summary>
    public void SpendText(long characters) => Spend(1 + characters / 16);
}
