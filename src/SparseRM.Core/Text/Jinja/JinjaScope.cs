namespace SparseRM.Text.Jinja;

/// <summary>Variables of a block; what it does not have its parent may.</summary>
/// <param name="parent">The surrounding block; null for what the caller gave.</param>
/// <param name="read">Told the names that are looked up here.</param>
internal sealed class JinjaScope(JinjaScope? parent, Action<string>? read = null)
{
    /// <summary>Bytes that a block's variables hold.</summary>
    public const int Size = 300;

    private const int Few = 8; // variables that are looked through one by one
    private (string Name, object? Value)[] _few = [];
    private int _count;
    private Dictionary<string, object?>? _many;

    /// <summary>Sets a variable of this block.</summary>
    public void Set(string name, object? value)
    {
        if (_many is not null)
        {
            _many[name] = value;
            return;
        }
        int place = Place(name);
        if (place < 0 && _count == Few)
        {
            _many = _few.ToDictionary(variable => variable.Name, variable => variable.Value);
            _many[name] = value;
            _few = [];
            return;
        }
        if (place < 0)
        {
            place = _count++;
            if (place == _few.Length) Array.Resize(ref _few, place == 0 ? 2 : Few);
        }
        _few[place] = (name, value);
    }

    /// <summary>The variable, or undefined.</summary>
    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            scope.Read?.Invoke(name);
            if (scope._many is not null)
            {
                if (scope._many.TryGetValue(name, out object? value)) return value;
            }
            else if (scope.Place(name) is >= 0 and var place) return scope._few[place].Value;
        }
        return new JinjaUndefined(name);
    }

    private JinjaScope? Parent { get; } = parent;

    private Action<string>? Read { get; } = read;

    private int Place(string name)
    {
        for (int i = 0; i < _count; i++)
            if (_few[i].Name == name) return i;
        return -1;
    }
}
