using System.Text;

namespace SparseRM.CApi;

/// <summary>Tells a caller's callback how far a call is; one that answers with anything but 0 cancels the call.</summary>
internal sealed unsafe class CallProgress(delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> callback, void* user, CancellationTokenSource stop)
    : IProgress<WorkProgress>
{
    private readonly delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> _callback = callback;
    private readonly void* _user = user;
    private string? _stage;
    private byte[] _utf8 = [0];

    public void Report(WorkProgress value)
    {
        if (stop.IsCancellationRequested) return;
        if (value.Stage != _stage) (_stage, _utf8) = (value.Stage, Encoding.UTF8.GetBytes($"{value.Stage}\0"));
        fixed (byte* stage = _utf8)
            if (_callback(_user, stage, value.Done, value.Total) != 0) stop.Cancel();
    }
}

/// <summary>What ends a call early: the caller's cancel handle, and his progress callback. Dispose it when the call is over.</summary>
internal readonly unsafe struct CallScope : IDisposable
{
    private readonly HandleTable.Loan<CancellationTokenSource> _cancel;
    private readonly CancellationTokenSource? _stop;

    public CallScope(nint cancel, delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> progress, void* user)
    {
        if (cancel != 0) _cancel = Library.Handles.Borrow<CancellationTokenSource>(cancel);
        if (progress is null) return;
        _stop = cancel == 0 ? new CancellationTokenSource() : CancellationTokenSource.CreateLinkedTokenSource(_cancel.Value.Token);
        Progress = new CallProgress(progress, user, _stop);
    }

    /// <summary>What a <c>srm_call</c> says; nobody and nothing where it is null.</summary>
    /// <exception cref="CallException">It has another struct_size, or its canceller is none.</exception>
    public static CallScope Of(NativeCall* call)
    {
        if (call is null) return default;
        Reading.RequireSize<NativeCall>(call, "srm_call");
        return new CallScope(call->Cancel, call->Progress, call->User);
    }

    /// <summary>What options of a score say.</summary>
    public static CallScope Of(NativeScoreOptions* options) => options is null ? default : new CallScope(options->Cancel, options->Progress, options->User);

    public CallProgress? Progress { get; }

    public CancellationToken Token => _stop?.Token ?? _cancel.Value?.Token ?? CancellationToken.None;

    public void Dispose()
    {
        _stop?.Dispose();
        _cancel.Dispose();
    }
}
