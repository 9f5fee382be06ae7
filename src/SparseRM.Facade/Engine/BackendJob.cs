using System.Runtime.ExceptionServices;

namespace SparseRM.Engine;

/// <summary>Work that needs the backend and is no forward pass, and somebody who waits for it.</summary>
internal sealed class BackendJob(Action action)
{
    private readonly ManualResetEventSlim _done = new();
    private ExceptionDispatchInfo? _error;

    /// <summary>Does it; what it throws is for whoever waits.</summary>
    public void Run()
    {
        try
        {
            action();
        }
        catch (Exception error)
        {
            _error = ExceptionDispatchInfo.Capture(error);
        }
        _done.Set();
    }

    /// <summary>Says that it will not be done.</summary>
    public void Refuse(Exception error)
    {
        _error = ExceptionDispatchInfo.Capture(error);
        _done.Set();
    }

    /// <summary>Waits until it is done, and throws what it threw.</summary>
    public void Wait()
    {
        _done.Wait();
        _error?.Throw();
    }
}
