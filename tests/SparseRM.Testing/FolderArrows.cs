namespace SparseRM.Testing;

/// <summary>Which folders of an assembly use which, read from what was built: a namespace is a folder, and references in documentation do not count.</summary>
public static class FolderArrows
{
    /// <summary>Uses that are not allowed, as <c>Folder.Type -> Folder.Type</c>.</summary>
    /// <param name="types">The types to look at.</param>
    /// <param name="root">The namespace whose next part is the folder.</param>
    /// <param name="arrows">What each folder may use.</param>
    public static string[] Backward(Type[] types, string root, (string Folder, string[] Uses)[] arrows)
    {
        var allowed = arrows.ToDictionary(arrow => arrow.Folder, arrow => arrow.Uses);
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var type in types)
        {
            if (Folder(type, root) is not { } from) continue;
            foreach (var used in TypeReferences.Of(type).Where(used => used.Assembly == type.Assembly))
                if (Folder(used, root) is { } to && to != from && !allowed[from].Contains(to)) found.Add($"{from}.{Outer(type).Name} -> {to}.{Outer(used).Name}");
        }
        return [.. found];
    }

    /// <summary>That an assembly's folders use only what they may, that each is named, and that the scan sees arrows at all.</summary>
    /// <param name="types">All types of the assembly.</param>
    /// <param name="root">The namespace whose next part is the folder.</param>
    /// <param name="arrows">What each folder may use.</param>
    public static void AssertHeld(Type[] types, string root, (string Folder, string[] Uses)[] arrows)
    {
        var unknown = types.Select(type => Folder(type, root)).Where(folder => folder is not null && arrows.All(arrow => arrow.Folder != folder)).Distinct();
        Assert.True(!unknown.Any(), $"new folders, say here what they may use: {string.Join(", ", unknown)}");
        Assert.Empty(Backward(types, root, arrows));
        // So that a scan which finds nothing does not pass.
        Assert.NotEmpty(Backward(types, root, [.. arrows.Select(arrow => (arrow.Folder, Array.Empty<string>()))]));
    }

    /// <summary>The part of a namespace behind its root; null for what stands beside the folders.</summary>
    private static string? Folder(Type type, string root) =>
        type.Namespace is { } name && name.StartsWith(root + ".", StringComparison.Ordinal) ? name[(root.Length + 1)..].Split('.')[0] : null;

    private static Type Outer(Type type) => type.DeclaringType is { } declaring ? Outer(declaring) : type;
}
