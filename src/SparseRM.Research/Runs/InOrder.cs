namespace SparseRM.Research.Runs;

/// <summary>Hands over results of work side by side in the order of their numbers, so that what is written does not depend on threads.</summary>
/// <param name="count">How many there will be.</param>
/// <param name="take">Told each, one at a time.</param>
internal sealed class InOrder<T>(int count, Action<T> take) where T : class
{
    private readonly T?[] _done = new T?[count];
    private readonly Lock _gate = new();
    private int _taken;
    private bool _isOver;

    /// <summary>A result. Once one could not be taken, none is: what comes after it would stand in its place.</summary>
    public void Put(int number, T result)
    {
        lock (_gate)
        {
            if (_isOver) return;
            _done[number] = result;
            try
            {
                for (; _taken < _done.Length && _done[_taken] is { } next; _taken++) take(next);
            }
            catch
            {
                _isOver = true;
                throw;
            }
        }
    }
}
