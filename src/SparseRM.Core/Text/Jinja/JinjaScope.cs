namespace SparseRM.Text.Jinja;

/// <summary>Variables of a block; what it does not have its parent may.</summary>
internal sealed class JinjaScope(JinjaScope? parent)
{
    private readonly Dictionary<string, object?> _values = [];

    /// <summary>Sets a variable of this block.</summary>
    public void Set(string name, object? value) => _values[name] = value;

    /// <summary>The variable, or undefined.</summary>
    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
            if (scope._values.TryGetValue(name, out object? value)) return value;
        return new JinjaUndefined(name);
    }

    private JinjaScope? Parent { get; } = parent;
}
