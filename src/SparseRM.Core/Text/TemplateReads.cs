using System.Collections.Concurrent;

namespace SparseRM.Text;

/// <summary>Which names were given to a template and which of them it has looked at. Thread-safe.</summary>
internal sealed class TemplateReads
{
    private readonly ConcurrentDictionary<string, bool> _names = [];

    /// <summary>Names that were given and never read, in alphabetical order.</summary>
    public IReadOnlyList<string> Unread => [.. _names.Where(name => !name.Value).Select(name => name.Key).Order(StringComparer.Ordinal)];

    /// <summary>A name is given.</summary>
    public void Give(string name)
    {
        // Looking takes no lock, adding does.
        if (!_names.ContainsKey(name)) _names.TryAdd(name, false);
    }

    /// <summary>A name is looked at; others than those that are given do not count.</summary>
    public void Read(string name)
    {
        if (_names.TryGetValue(name, out bool read) && !read) _names[name] = true;
    }
}
