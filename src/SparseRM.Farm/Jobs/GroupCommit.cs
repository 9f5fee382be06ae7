namespace SparseRM.Farm.Jobs;

/// <summary>Writes a state once for all who wait: while one write goes on, the next one gathers. For one grain's turns; not thread-safe.</summary>
/// <param name="write">Takes the state as it is when called, and writes it.</param>
/// <param name="after">What is done after each write, before the next one.</param>
/// <param name="failed">Told of a write that failed: nobody knows then what is kept.</param>
internal sealed class GroupCommit(Func<Task> write, Func<Task> after, Action<Exception> failed)
{
    private TaskCompletionSource? _waiting;
    private bool _isRunning;

    /// <summary>Ends when all that was changed before the call is kept.</summary>
    public Task Commit()
    {
        _waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
        var mine = _waiting.Task;
        if (!_isRunning) _ = Run();
        return mine;
    }

    private async Task Run()
    {
        _isRunning = true;
        // Behind the calls that are here already, so that they share the write.
        await Task.Yield();
        try
        {
            while (_waiting is { } waiting)
            {
                _waiting = null;
                try
                {
                    await write();
                }
                catch (Exception error)
                {
                    waiting.SetException(error);
                    failed(error);
                    continue;
                }
                waiting.SetResult();
                await after();
            }
        }
        catch (Exception error)
        {
            // Of after: whoever called meanwhile hears of it too.
            _waiting?.TrySetException(error);
            _waiting = null;
            failed(error);
        }
        finally
        {
            _isRunning = false;
        }
    }
}
