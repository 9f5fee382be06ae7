using Microsoft.Extensions.Logging;
using SparseRM.Errors;
using SparseRM.Server.Http;

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
    private readonly SemaphoreSlim _turn = new(1);
    private Dictionary<string, FleetMember> _members = new(StringComparer.Ordinal);
    private FleetMember[] _fit = [];

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
            if (Problem(member) is { } problem) throw new SparseRMException(ErrorKind.Mismatch, $"this server cannot join the fleet: {problem}; start it with the same model, rewards and kernels");
        _ = PollAsync();
    }

    /// <summary>Asks all members now.</summary>
    public async Task RefreshAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var members = new Dictionary<string, FleetMember>(StringComparer.Ordinal);
            foreach (var peer in live())
                if (peer.Id != own.Id) members[peer.Id] = _members.GetValueOrDefault(peer.Id) ?? new FleetMember(peer);
            foreach (var gone in _members.Values.Where(member => !members.ContainsKey(member.Peer.Id))) gone.Dispose();
            Volatile.Write(ref _members, members);
            await Task.WhenAll(members.Values.Select(member => AskAsync(member, cancel))).ConfigureAwait(false);
            Volatile.Write(ref _fit, [.. members.Values.Where(member => member.Report is not null && Problem(member) is null)]);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A member did not answer: it gets nothing more until it does.</summary>
    public void Failed(FleetMember member)
    {
        member.Report = null;
        Volatile.Write(ref _fit, [.. Fit.Where(other => other != member)]);
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    private async Task PollAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_poll, _stop.Token).ConfigureAwait(false);
                await RefreshAsync(_stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The fleet goes on without this one.
        }
    }

    private async Task AskAsync(FleetMember member, CancellationToken cancel)
    {
        member.Report = await calls.ReportAsync(member.Peer, cancel).ConfigureAwait(false);
        string? problem = member.Report is null ? $"the member at {member.Peer.Address} does not answer" : Problem(member);
        if (problem is not null && problem != member.Told) ServerLog.Warning(log, $"{problem}; it gets no requests from here");
        member.Told = problem;
    }

    private string? Problem(FleetMember member) => member.Report is { } report && identity() is var here && report.Identity.Hash != here.Hash
        ? $"the member at {member.Peer.Address} answers by other means: {here.DifferenceFrom(report.Identity)}" : null;
}
