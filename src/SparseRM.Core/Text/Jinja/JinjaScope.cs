namespace SparseRM.Text.Jinja;

/// <summary>Variables of a block; what it does not have its parent may.</summary>
/// <param name="parent">The surrounding block; null for what the caller gave.</param>
/// <param name="read">Told the names that are looked up here.</param>
/// <param name="values">Variables that it begins with, by name; the scope takes them over.</param>
internal sealed class JinjaScope(JinjaScope? parent, Action<string>? read = null, Dictionary<string, object?>? values = null)
{
    /// <summary>Bytes that a block's variables hold.</summary>
    public const int Size = 300;

    private Dictionary<string, object?>? _values = values;

    /// <summary>Sets a variable of this block.</summary>
    public void Set(string name, object? value) => (_values ??= [])[name] = value;

    /// <summary>The variable, or undefined.</summary>
    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            scope.Read?.Invoke(name);
            if (scope._values is not null && scope._values.TryGetValue(name, out object? value)) return value;
        }
        return new JinjaUndefined(name);
    }

    private JinjaScope? Parent { get; } = parent;

    private Action<string>? Read { get; } = read;
}
