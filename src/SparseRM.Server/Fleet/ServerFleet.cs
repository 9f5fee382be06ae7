using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>This server as a member of a fleet: sends requests to the member that has their prompt's beginning, and reads reward files again with all others. Thread-safe.</summary>
internal sealed class ServerFleet : IDisposable
{
    private readonly ServerParts _parts;
    private readonly FleetCalls _calls = new();
    private readonly FleetRoster _roster;
    private readonly byte[] _tokenHash;
    private readonly ulong _place;
    private readonly PromptKey _prompts;
    private long _forwarded, _retried, _passed;

    /// <param name="parts">The server.</param>
    /// <param name="own">This member.</param>
    /// <param name="live">All that the membership takes for alive.</param>
    public ServerFleet(ServerParts parts, FleetPeer own, Func<IReadOnlyList<FleetPeer>> live)
    {
        _parts = parts;
        _roster = new FleetRoster(own, live, _calls, () => Identity, parts.Log);
        _tokenHash = SHA256.HashData(Encoding.UTF8.GetBytes(own.Token));
        _place = FleetPlacement.Hash(own.Id);
        _prompts = new PromptKey(parts.Registry.All[0].Scorer.Backbone.Template);
        // Computed now, while nobody replaces what it is of.
        _ = Identity;
    }

    /// <summary>What decides the answers here, now.</summary>
    public FleetIdentity Identity => FleetIdentity.Of(_parts.Registry, _parts.Options.Rerank);

    /// <summary>How this member is known in names that it gives away.</summary>
    public string Mark => $"{_place:x16}";

    /// <summary>Members beside this one that get requests.</summary>
    public int Others => _roster.Fit.Count;

    /// <summary>Requests that others answered; that were sent again since a member died; that a member passed on.</summary>
    public (long Forwarded, long Retried, long Passed) Counts => (Volatile.Read(ref _forwarded), Volatile.Read(ref _retried), Volatile.Read(ref _passed));

    /// <summary>Joins those who are there.</summary>
    /// <exception cref="Errors.SparseRMException">One answers by other means.</exception>
    public Task JoinAsync(CancellationToken cancel) => _roster.JoinAsync(cancel);

    /// <summary>Whether a member sends a request; it has chosen this one, so it goes no further.</summary>
    public bool IsFromMember(HttpRequest request) =>
        (string?)request.Headers[FleetCalls.TokenHeader] is { } given && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), _tokenHash);

    /// <summary>Whether a member's request is to be answered by the means that are here now.</summary>
    public bool HasMeansOf(HttpRequest request) => (string?)request.Headers[FleetCalls.MeansHeader] == Identity.Hash;

    /// <summary>Has a request answered by the member that it belongs to.</summary>
    /// <returns>False where that is this one.</returns>
    public async Task<bool> TryAnswerAsync(WireCall call)
    {
        var others = _roster.Fit;
        if (others.Count == 0 || _prompts.Of(call.Body) is not { } prompt) return false;
        string means = Identity.Hash;
        foreach (int i in FleetPlacement.Order(prompt, [OwnLoad, .. others.Select(member => member.Load)]))
        {
            // This one is always among them, so nothing is lost where all others die.
            if (i == 0) return false;
            if (await TryAsync(others[i - 1], call, means).ConfigureAwait(false)) return true;
        }
        return false;
    }

    /// <summary>Has a request answered by a member that it names, of which it wants what only that one has.</summary>
    /// <param name="call">The request.</param>
    /// <param name="mark">The member's <see cref="Mark"/>.</param>
    /// <returns>False where that is this one, or no member that answers.</returns>
    public async Task<bool> TryAnswerAtAsync(WireCall call, string mark) =>
        _roster.All.FirstOrDefault(member => $"{member.Place:x16}" == mark) is { } owner && await TryAsync(owner, call, Identity.Hash).ConfigureAwait(false);

    /// <summary>Reads reward files again at all members, or at none: see <see cref="FleetReload"/>.</summary>
    public async Task<IReadOnlyList<ReloadResult>> ReloadAsync(string? name, CancellationToken cancel)
    {
        await _roster.RefreshAsync(cancel).ConfigureAwait(false);
        var results = await FleetReload.RunAsync(_parts, _calls, [.. _roster.All.Select(member => member.Peer)], name, cancel).ConfigureAwait(false);
        await _roster.RefreshAsync(cancel).ConfigureAwait(false);
        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _roster.Dispose();
        _calls.Dispose();
    }

    private FleetLoad OwnLoad => FleetRoutes.Queue(_parts) is var (waiting, room) ? new(_place, waiting, waiting >= room) : default;

    private async Task<bool> TryAsync(FleetMember member, WireCall call, string means)
    {
        member.Sent();
        try
        {
            if (await _calls.ForwardAsync(member, call, means).ConfigureAwait(false) is not { } answer)
            {
                Interlocked.Increment(ref _passed);
                return false;
            }
            Interlocked.Increment(ref _forwarded);
            if (answer.RetryAfter is { } seconds) call.Http.Response.Headers.RetryAfter = seconds;
            await call.WriteAsync(answer.Body, answer.Type ?? "application/json", answer.Status).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (!call.Cancel.IsCancellationRequested && !call.Http.Response.HasStarted && error is HttpRequestException or IOException or OperationCanceledException)
        {
            // It died, or the way to it did. A score depends on its text alone, so to ask again elsewhere is safe.
            _roster.Failed(member);
            Interlocked.Increment(ref _retried);
            return false;
        }
        finally
        {
            member.Ended();
        }
    }
}
