using System.Diagnostics.CodeAnalysis;

namespace SparseRM.Text.Jinja;

/// <summary>A template did what its language or this interpreter does not allow; becomes a sentence with template and line.</summary>
internal sealed class JinjaException(string problem) : Exception(problem);

/// <summary>A function, method or macro.</summary>
internal delegate object? JinjaFunction(JinjaArguments arguments);

/// <summary>The value of a name that nothing defines: prints as nothing, is false, and cannot be used otherwise.</summary>
internal sealed record JinjaUndefined(string Name);

/// <summary>A namespace: the one thing whose attributes a template may set.</summary>
internal sealed record JinjaNamespace(Dictionary<string, object?> Attributes);

/// <summary>A list; one that came with a message or an argument knows it, so that its JSON is traced to there.</summary>
internal class JinjaList(List<object?> items, int source = TextSpan.Template)
{
    /// <summary>The items; not to be changed.</summary>
    public List<object?> Items => items;

    /// <summary>Where it comes from, as of a <see cref="TextSpan"/>.</summary>
    public int Source => source;
}

/// <summary>A tuple: as a list, printed in round brackets.</summary>
internal class JinjaTuple(List<object?> items) : JinjaList(items);

/// <summary>A group of the filter <c>groupby</c>: a tuple with names.</summary>
internal sealed class JinjaGroup(object? grouper, JinjaList list) : JinjaTuple([grouper, list]);

/// <summary>What <c>range</c> gives.</summary>
internal sealed class JinjaRange(long start, long stop, long step, List<object?> items) : JinjaList(items)
{
    /// <summary>Python's print.</summary>
    public string Print() => step == 1 ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})";
}

/// <summary>What <c>items</c>, <c>keys</c> and <c>values</c> of a mapping give: has a length and is walked over, but not indexed.</summary>
internal sealed record JinjaView(string Kind, List<object?> Items);

/// <summary>What Jinja's lazy filters give: walked over once.</summary>
internal sealed class JinjaIterator(List<object?> items, string kind)
{
    private int _at;

    /// <summary>What makes it, for messages.</summary>
    public string Kind => kind;

    /// <summary>The items that nobody took yet.</summary>
    public List<object?> Take()
    {
        var left = _at == 0 ? items : items[_at..];
        _at = items.Count;
        return left;
    }

    /// <summary>The next item; false at the end.</summary>
    public bool TryNext(out object? item)
    {
        item = _at < items.Count ? items[_at] : null;
        if (_at == items.Count) return false;
        _at++;
        return true;
    }
}

/// <summary>A mapping with its order, complete once it is built.</summary>
internal sealed class JinjaDict(int source = TextSpan.Template, Action<string?>? read = null)
{
    private const int Few = 8; // entries that are looked through one by one
    private readonly List<(object? Key, object? Value)> _entries = [];
    private readonly List<JinjaKey> _keys = [];
    private Dictionary<JinjaKey, int>? _places;

    /// <summary>Where it comes from, as of a <see cref="TextSpan"/>.</summary>
    public int Source => source;

    /// <summary>Number of entries.</summary>
    public int Count
    {
        get
        {
            read?.Invoke(null);
            return _entries.Count;
        }
    }

    /// <summary>Whether there is nothing in it; unlike all else, this reads no field.</summary>
    public bool IsEmpty => _entries.Count == 0;

    /// <summary>The entries in order.</summary>
    public IReadOnlyList<(object? Key, object? Value)> Entries
    {
        get
        {
            read?.Invoke(null);
            return _entries;
        }
    }

    /// <summary>Sets an entry while the mapping is built; a key that is there keeps its place.</summary>
    public void Set(object? key, object? value)
    {
        var hashed = new JinjaKey(key);
        if (Place(hashed) is >= 0 and var place)
        {
            _entries[place] = (_entries[place].Key, value);
            return;
        }
        _entries.Add((key, value));
        _keys.Add(hashed);
        if (_places is not null) _places.Add(hashed, _places.Count);
        else if (_keys.Count > Few) _places = _keys.Select((known, index) => (known, index)).ToDictionary(entry => entry.known, entry => entry.index);
    }

    /// <summary>Sets an entry by a name of the template's.</summary>
    public void Set(string key, object? value) => Set(TracedText.Of(key), value);

    /// <summary>The value of a key; false where there is none.</summary>
    public bool TryGet(object? key, JinjaBudget budget, [MaybeNullWhen(true)] out object? value)
    {
        if (key is TracedText text)
        {
            budget.Read(text.Text.Length);
            read?.Invoke(text.Text);
        }
        int place = Place(new JinjaKey(key));
        value = place >= 0 ? _entries[place].Value : null;
        return place >= 0;
    }

    private int Place(JinjaKey key)
    {
        if (_places is not null) return _places.GetValueOrDefault(key, -1);
        for (int i = 0; i < _keys.Count; i++)
            if (_keys[i].Equals(key)) return i;
        return -1;
    }
}

/// <summary>A value as Python hashes it: 1, 1.0 and true are one key; lists and mappings are none.</summary>
internal readonly struct JinjaKey : IEquatable<JinjaKey>
{
    private const int LongestTuple = 16;
    private readonly object _value;

    /// <summary>Refuses what has no hash.</summary>
    public JinjaKey(object? value) => _value = value switch
    {
        null => DBNull.Value,
        bool flag => flag ? 1L : 0L,
        double number when number == Math.Floor(number) && Math.Abs(number) < 1L << 62 => (long)number,
        TracedText text => text.Text,
        JinjaTuple { Items.Count: <= LongestTuple } tuple when !tuple.Items.Exists(item => item is JinjaTuple) =>
            new TupleKey([.. tuple.Items.Select(item => new JinjaKey(item))]),
        JinjaDict or JinjaView or JinjaList and not JinjaRange => throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be a key"),
        _ => value,
    };

    /// <inheritdoc/>
    public bool Equals(JinjaKey other) => _value.Equals(other._value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is JinjaKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value.GetHashCode();

    private sealed class TupleKey(JinjaKey[] keys)
    {
        private readonly JinjaKey[] _keys = keys;

        public override bool Equals(object? obj) => obj is TupleKey other && _keys.AsSpan().SequenceEqual(other._keys);

        public override int GetHashCode() => _keys.Aggregate(17, (hash, key) => hash * 31 + key.GetHashCode());
    }
}
