namespace SparseRM.Backends;

/// <summary>The ops' names where people and files write them: <c>matmul</c>, <c>add_rms_norm</c>.</summary>
public static class OpNames
{
    private static readonly Dictionary<OpKind, string> s_names = Enum.GetValues<OpKind>().ToDictionary(op => op, Spell);

    /// <summary>All of them, in the order of <see cref="OpKind"/>.</summary>
    public static IReadOnlyList<string> All => [.. s_names.Values];

    /// <summary>An op's name.</summary>
    public static string Name(this OpKind op) => s_names[op];

    /// <summary>The op of a name, or null.</summary>
    public static OpKind? Parse(string name)
    {
        foreach (var (op, own) in s_names)
            if (own == name) return op;
        return null;
    }

    private static string Spell(OpKind op)
    {
        var name = new System.Text.StringBuilder();
        foreach (char c in op.ToString().Replace("MatMul", "Matmul", StringComparison.Ordinal))
            name.Append(char.IsUpper(c) && name.Length > 0 ? "_" : "").Append(char.ToLowerInvariant(c));
        return name.ToString();
    }
}
