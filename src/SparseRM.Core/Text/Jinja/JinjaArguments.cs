namespace SparseRM.Text.Jinja;

/// <summary>Evaluated arguments of one call; the callee takes them in the order of its signature, and what it does not take is
/// refused.</summary>
internal sealed class JinjaArguments(string callee, IReadOnlyList<object?> positional, List<(string Name, object? Value)> named,
    JinjaBudget budget)
{
    private int _taken;

    /// <summary>What the render may still spend.</summary>
    public JinjaBudget Budget => budget;

    /// <summary>Positional arguments that are not yet taken.</summary>
    public int Left => positional.Count - _taken;

    /// <summary>Named arguments that are not yet taken.</summary>
    public int NamedLeft => named.Count;

    /// <summary>The same arguments and one more by name.</summary>
    public JinjaArguments With(string name, object? value)
    {
        named.Add((name, value));
        return this;
    }

    /// <summary>Takes the next argument of the signature; false where the call does not give it.</summary>
    public bool TryTake(string name, out object? value)
    {
        value = null;
        if (_taken < positional.Count)
        {
            value = positional[_taken++];
            return true;
        }
        return TryTakeNamed(name, out value);
    }

    /// <summary>Takes an argument that is given by name; false where the call does not.</summary>
    public bool TryTakeNamed(string name, out object? value)
    {
        int index = named.FindIndex(argument => argument.Name == name);
        value = index < 0 ? null : named[index].Value;
        if (index >= 0) named.RemoveAt(index);
        return index >= 0;
    }

    /// <summary>Takes the next argument, or gives <paramref name="otherwise"/>.</summary>
    public object? Take(string name, object? otherwise) => TryTake(name, out object? value) ? value : otherwise;

    /// <summary>Takes the next argument, which must be given.</summary>
    public object? Take(string name) =>
        TryTake(name, out object? value) ? value : throw new JinjaException($"{callee} needs its argument '{name}'");

    /// <summary>Takes the next argument, an integer.</summary>
    public long Integer(string name, long otherwise) =>
        TryTake(name, out object? value) ? JinjaValues.Integer(value, $"the argument '{name}' of {callee}") : otherwise;

    /// <summary>Takes the next argument, a string that must be given.</summary>
    public TracedText Text(string name) => JinjaValues.Text(Take(name), $"the argument '{name}' of {callee}");

    /// <summary>Takes the next argument as a truth value.</summary>
    public bool Flag(string name, bool otherwise = false) =>
        TryTake(name, out object? value) ? JinjaValues.IsTrue(value) : otherwise;

    /// <summary>Takes all positional arguments that are left.</summary>
    public List<object?> TakeRest()
    {
        var rest = positional.Skip(_taken).ToList();
        _taken = positional.Count;
        return rest;
    }

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
