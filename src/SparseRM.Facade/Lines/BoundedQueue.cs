using System.Runtime.ExceptionServices;

namespace SparseRM.Lines;

/// <summary>What one thread reads ahead for another, bounded in number and weight.</summary>
/// <param name="maxCount">Items that wait at most.</param>
/// <param name="maxWeight">Weight that waits at most; one item may weigh more.</param>
internal sealed class BoundedQueue<T>(int maxCount, long maxWeight)
{
    private readonly Queue<(T Item, long Weight)> _items = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _room = new(0), _more = new(0);
    private long _weight;
    private bool _isComplete, _isAbandoned;
    private Exception? _error;

    /// <summary>Puts an item last; waits for room.</summary>
    /// <returns>False where nobody will take it any more.</returns>
    public bool Add(T item, long weight)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_isAbandoned) return false;
                if (_items.Count == 0 || (_items.Count < maxCount && _weight + weight <= maxWeight))
                {
                    _items.Enqueue((item, weight));
                    _weight += weight;
                    Signal(_more);
                    return true;
                }
            }
            _room.Wait();
        }
    }

    /// <summary>Says that no more will come, and why where that is a failure.</summary>
    public void Complete(Exception? error)
    {
        lock (_gate) (_isComplete, _error) = (true, error);
        Signal(_more);
    }

    /// <summary>Says that no more will be taken.</summary>
    public void Abandon()
    {
        lock (_gate) _isAbandoned = true;
        Signal(_room);
    }

    /// <summary>Takes what is there, at least one item; waits for it.</summary>
    /// <param name="window">Receives the items.</param>
    /// <param name="count">Items at most.</param>
    /// <param name="sizeOf">Size of an item, in what the window counts.</param>
    /// <param name="size">Size at most; one item may be larger.</param>
    /// <param name="fill">Whether to wait until there are so many.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <returns>False at the end.</returns>
    /// <exception cref="Exception">What <see cref="Complete"/> was given, once all items before it are taken.</exception>
    public bool Take(List<T> window, int count, Func<T, long> sizeOf, long size, bool fill, CancellationToken cancel)
    {
        window.Clear();
        long taken = 0;
        while (true)
        {
            bool isFull = false, isComplete;
            lock (_gate)
            {
                while (!isFull && _items.TryPeek(out var next))
                {
                    isFull = window.Count > 0 && (window.Count >= count || taken + sizeOf(next.Item) > size);
                    if (isFull) break;
                    window.Add(_items.Dequeue().Item);
                    taken += sizeOf(next.Item);
                    _weight -= next.Weight;
                }
                isComplete = _isComplete;
            }
            Signal(_room);
            if (isFull || (window.Count > 0 && (isComplete || !fill))) return true;
            if (isComplete)
            {
                if (_error is not null) ExceptionDispatchInfo.Throw(_error);
                return false;
            }
            _more.Wait(cancel);
        }
    }

    // One pending signal is enough: whoever wakes looks at everything.
    private static void Signal(SemaphoreSlim signal)
    {
        if (signal.CurrentCount == 0) signal.Release();
    }
}
