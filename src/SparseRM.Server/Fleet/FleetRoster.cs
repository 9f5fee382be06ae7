using Microsoft.Extensions.Logging;
using SparseRM.Errors;
using SparseRM.Server.Http;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Fleet;

/// <summary>The members that may get requests: alive by the membership, answering, and of equal means. Asks each how it is doing, some times a second.</summary>
/// <param name="own">This member.</param>
/// <param name="live">All that the membership takes for alive.</param>
/// <param name="calls">Asks members.</param>
/// <param name="identity">What decides the answers here.</param>
/// <param name="log">Hears of members that are passed over.</param>
internal sealed class FleetRoster(FleetPeer own, Func<IReadOnlyList<FleetPeer>> live, FleetCalls calls, Func<FleetIdentity> identity, ILogger log) : IDisposable
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(300);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private string? _told;
    private Dictionary<string, FleetMember> _members = new(StringComparer.Ordinal);
    private FleetMember[] _fit = [];

    // Names of members that can never answer again, though the membership may not have found that out, or cannot: without a database it is gone with the first member.
    private readonly HashSet<string> _over = new(StringComparer.Ordinal);

    /// <summary>Members beside this one that may get requests.</summary>
    public IReadOnlyList<FleetMember> Fit => Volatile.Read(ref _fit);

    /// <summary>All members beside this one, whether or not they answer.</summary>
    public IReadOnlyList<FleetMember> All => [.. Volatile.Read(ref _members).Values];

    /// <summary>Insists that those who are there have equal means, and begins to ask them.</summary>
    /// <exception cref="SparseRMException">One answers by other means.</exception>
    public async Task JoinAsync(CancellationToken cancel)
    {
        await RefreshAsync(cancel).ConfigureAwait(false);
        foreach (var member in All)
            if (Problem(member) is { } problem) throw new SparseRMException(ErrorKind.Mismatch, $"this server cannot join the fleet: {problem}; start it with the same model, rewards, kernels and limits");
        _ = PollAsync();
    }

    /// <summary>Asks all members now, and waits until each has answered or had its time.</summary>
    public Task RefreshAsync(CancellationToken cancel) => Task.WhenAll(Meet().Select(member => AskAsync(member, cancel)));

    /// <summary>A member did not answer: it gets nothing more until it does.</summary>
    public void Failed(FleetMember member)
    {
        member.Failed();
        Choose();
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    /// <summary>Takes over who is alive: whoever waits for one that is not any more is told first.</summary>
    private IReadOnlyList<FleetMember> Meet()
    {
        lock (_lock)
        {
            var peers = live().Where(peer => peer.Id != own.Id && !_over.Contains(peer.Id)).ToDictionary(peer => peer.Id, StringComparer.Ordinal);
            foreach (var member in _members.Values.Where(member => !peers.ContainsKey(member.Peer.Id))) member.Dispose();
            var members = peers.Values.ToDictionary(peer => peer.Id, peer => _members.GetValueOrDefault(peer.Id) ?? new FleetMember(peer), StringComparer.Ordinal);
            Volatile.Write(ref _members, members);
            Choose();
            return [.. members.Values];
        }
    }

    private void Choose()
    {
        lock (_lock) Volatile.Write(ref _fit, [.. _members.Values.Where(member => member.Report is not null && Problem(member) is null)]);
    }

    private async Task PollAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(s_poll, _stop.Token).ConfigureAwait(false);
                // Each on its own: one that sleeps keeps none of the others waiting.
                foreach (var member in Meet())
                    if (member.TryBeginPoll()) _ = PollAsync(member);
                _told = null;
            }
            catch (Exception error)
            {
                Tell(error);
            }
        }
    }

    private async Task PollAsync(FleetMember member)
    {
        try
        {
            await AskAsync(member, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Tell(error);
        }
        finally
        {
            member.EndPoll();
        }
    }

    // Once, not some times a second; and the fleet goes on without one that stops.
    private void Tell(Exception error)
    {
        if (_stop.IsCancellationRequested || error.Message == _told) return;
        _told = error.Message;
        ServerLog.Warning(log, $"the members of the fleet could not be read ({error.Message.TrimEnd('.')}); those that were known stay, and they are read again");
    }

    private async Task AskAsync(FleetMember member, CancellationToken cancel)
    {
        int question = member.Ask();
        var (report, isOver) = await calls.ReportAsync(member, member.Peer.Address.Host == own.Address.Host, cancel).ConfigureAwait(false);
        member.Hear(question, report);
        // One that has left in order is no fault.
        if (report is null) Meet();
        else Choose();
        if (member.Gone.IsCancellationRequested) return;
        if (isOver)
        {
            lock (_lock) _over.Add(member.Peer.Id);
            ServerLog.Warning(log, $"the member at {member.Peer.Address} is gone: its server is not there any more");
            Meet();
            return;
        }
        if (member.Report is null && member.MayJoin) return;
        string? problem = member.Report is null ? $"the member at {member.Peer.Address} does not answer" : Problem(member);
        if (problem is not null && problem != member.Told) ServerLog.Warning(log, $"{problem}; it gets no requests from here");
        member.Told = problem;
    }

    private string? Problem(FleetMember member) => member.Report is { } report && identity() is var here && report.Identity.Hash != here.Hash
        ? $"the member at {member.Peer.Address} answers by other means: {here.DifferenceFrom(report.Identity)}" : null;
}
