using System.Security.Cryptography;

namespace SparseRM.CApi;

/// <summary>Objects by numbers that look like pointers and are never followed. Thread-safe; a look-up takes no lock.</summary>
/// <remarks>
/// A handle is a generation and an index. Each object has a generation of its own, so that a handle whose object was closed is known as such though its
/// index serves another. Generations begin at a random number, so that a pointer of somebody else is not taken for a handle.
/// </remarks>
internal sealed class HandleTable
{
    private const int IndexBits = 20;
    private readonly Lock _gate = new();
    private readonly Stack<int> _free = [];
    private volatile Entry?[] _entries = new Entry?[64];
    private long _generation = RandomNumberGenerator.GetInt32(int.MaxValue) + (1L << 40);
    private int _used, _open;

    /// <summary>Handles that are open.</summary>
    public int Count => Volatile.Read(ref _open);

    /// <summary>Takes over an object.</summary>
    public nint Add(IDisposable value)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out int index)) index = _used++;
            if (index >= 1 << IndexBits) throw new CallException(Status.Full, $"{1 << IndexBits} handles are open; close some");
            if (index >= _entries.Length)
            {
                var larger = new Entry?[_entries.Length * 2];
                _entries.CopyTo(larger, 0);
                _entries = larger;
            }
            nint handle = (nint)((_generation++ & 0x3FFFFFFFFFF) << IndexBits | (uint)index);
            _entries[index] = new Entry(handle, value);
            _open++;
            return handle;
        }
    }

    /// <summary>The object of a handle, which stays until the loan is disposed, even if the handle is closed meanwhile.</summary>
    /// <exception cref="CallException">The handle is null, closed, of another kind, or none of ours.</exception>
    public Loan<T> Borrow<T>(nint handle) where T : class, IDisposable
    {
        if (Find(handle) is not { } entry || !entry.TryEnter()) throw Unknown<T>(handle);
        if (entry.Value is T value) return new Loan<T>(entry, value);
        entry.Leave();
        throw OfAnotherKind<T>();
    }

    /// <summary>Closes a handle: its object goes when the last loan is over.</summary>
    /// <exception cref="CallException">As <see cref="Borrow"/>.</exception>
    public void Close<T>(nint handle) where T : class, IDisposable
    {
        Entry entry;
        lock (_gate)
        {
            entry = Find(handle) ?? throw Unknown<T>(handle);
            if (entry.Value is not T) throw OfAnotherKind<T>();
            int index = (int)(handle & ((1 << IndexBits) - 1));
            _entries[index] = null;
            _free.Push(index);
            _open--;
        }
        entry.Leave();
    }

    private Entry? Find(nint handle)
    {
        var entries = _entries;
        long index = handle & ((1 << IndexBits) - 1);
        return index < entries.Length && Volatile.Read(ref entries[index]) is { } entry && entry.Handle == handle ? entry : null;
    }

    private static CallException Unknown<T>(nint handle) => new(Status.Handle, handle == 0
        ? $"the handle of the {Kind<T>()} is null; open one first"
        : $"the handle of the {Kind<T>()} was closed or never opened by this library");

    private static CallException OfAnotherKind<T>() => new(Status.Handle, $"the handle is not that of a {Kind<T>()}");

    private static string Kind<T>() => typeof(T) == typeof(Backbone) ? "backbone" : typeof(T) == typeof(RewardScorer) ? "reward"
        : typeof(T) == typeof(OpenSae) ? "SAE" : typeof(T) == typeof(CancellationTokenSource) ? "canceller" : "session";

    /// <summary>An object and the number of those who use it; the open handle is one of them.</summary>
    internal sealed class Entry(nint handle, IDisposable value)
    {
        private int _users = 1;

        public nint Handle => handle;

        public IDisposable Value => value;

        public bool TryEnter()
        {
            for (int users = Volatile.Read(ref _users); users > 0;)
            {
                int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
                if (seen == users) return true;
                users = seen;
            }
            return false;
        }

        public void Leave()
        {
            if (Interlocked.Decrement(ref _users) == 0) value.Dispose();
        }
    }

    /// <summary>An object in use.</summary>
    internal readonly struct Loan<T>(Entry entry, T value) : IDisposable
    {
        public T Value => value;

        public void Dispose() => entry?.Leave();
    }
}
