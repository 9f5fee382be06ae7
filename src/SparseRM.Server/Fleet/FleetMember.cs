using System.Diagnostics;

namespace SparseRM.Server.Fleet;

/// <summary>Another member as this one knows it. Thread-safe.</summary>
internal sealed class FleetMember(FleetPeer peer) : IDisposable
{
    private static readonly TimeSpan s_joining = TimeSpan.FromSeconds(15);
    private readonly long _met = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _gone = new();
    private readonly Lock _lock = new();
    private FleetReport? _report;
    private int _inFlight, _isPolled, _asked, _heard;

    /// <summary>Who it is.</summary>
    public FleetPeer Peer => peer;

    /// <summary>Hash of its name.</summary>
    public ulong Place { get; } = FleetPlacement.Hash(peer.Id);

    /// <summary>What it last said of itself; null where it does not answer.</summary>
    public FleetReport? Report => Volatile.Read(ref _report);

    /// <summary>Whether it ever said how it is doing.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>Whether it may still be about to join: the membership has it before its server answers as a member.</summary>
    public bool MayJoin => !HasAnswered && Stopwatch.GetElapsedTime(_met) < s_joining;

    /// <summary>Why it gets no requests, where that was told already.</summary>
    public string? Told { get; set; }

    /// <summary>Cancelled when the membership no longer has it: who waits for it need not wait longer.</summary>
    public CancellationToken Gone => _gone.Token;

    /// <summary>How busy it is: what it said, and what is on its way to it since.</summary>
    public FleetLoad Load => new(Place, (Report?.Waiting ?? 0) + Volatile.Read(ref _inFlight), Report is not { } report || report.Waiting >= report.Room);

    /// <summary>A request is on its way to it.</summary>
    public void Sent() => Interlocked.Increment(ref _inFlight);

    /// <summary>It answered, or failed to.</summary>
    public void Ended() => Interlocked.Decrement(ref _inFlight);

    /// <summary>Begins a turn of asking it again and again; false where the last turn still waits for it.</summary>
    public bool TryBeginPoll() => Interlocked.Exchange(ref _isPolled, 1) == 0;

    /// <summary>Ends the turn.</summary>
    public void EndPoll() => Volatile.Write(ref _isPolled, 0);

    /// <summary>It is asked how it is doing.</summary>
    /// <returns>The question's number.</returns>
    public int Ask() => Interlocked.Increment(ref _asked);

    /// <summary>It answered a question, or did not (null). What it says to an older question than the last one it answered does not count.</summary>
    public void Hear(int question, FleetReport? report)
    {
        lock (_lock)
        {
            if (question < _heard || _gone.IsCancellationRequested) return;
            _heard = question;
            HasAnswered |= report is not null;
            Volatile.Write(ref _report, report);
        }
    }

    /// <summary>It does not answer.</summary>
    public void Failed()
    {
        lock (_lock) Volatile.Write(ref _report, null);
    }

    /// <summary>The membership no longer has it.</summary>
    public void Dispose()
    {
        Failed();
        // Whoever still waits has the token of this source, which must not be disposed under it.
        _gone.Cancel();
    }
}

/// <summary>What a member says of itself.</summary>
/// <param name="Identity">What decides its answers.</param>
/// <param name="Waiting">Requests in its queues.</param>
/// <param name="Room">How many may be.</param>
internal sealed record FleetReport(FleetIdentity Identity, int Waiting, int Room);
