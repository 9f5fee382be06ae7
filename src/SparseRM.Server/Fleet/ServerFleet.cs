using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>This server as a member of a fleet: sends requests to the member that has their prompt's beginning, and reads reward files again with all others. Thread-safe.</summary>
internal sealed class ServerFleet : IFleet
{
    private readonly ServerParts _parts;
    private readonly FleetCalls _calls = new();
    private readonly FleetRoster _roster;
    private readonly byte[] _tokenHash;
    private readonly FleetPeer _own;
    private readonly ulong _place;
    private readonly PromptKey _prompts;
    private KeptIdentity? _kept;
    private long _forwarded, _retried, _passed;

    /// <param name="parts">The server.</param>
    /// <param name="own">This member.</param>
    /// <param name="live">All that the membership takes for alive.</param>
    public ServerFleet(ServerParts parts, FleetPeer own, Func<IReadOnlyList<FleetPeer>> live)
    {
        (_parts, _own) = (parts, own);
        _roster = new FleetRoster(own, live, _calls, () => Identity, parts.Log);
        _tokenHash = SHA256.HashData(Encoding.UTF8.GetBytes(own.Token));
        _place = FleetPlacement.Hash(own.Id);
        _prompts = new PromptKey(parts.Registry.All[0].Scorer.Backbone.Template);
        // Computed now, while nobody replaces what it is of.
        _ = Identity;
    }

    /// <summary>What decides the answers here, now.</summary>
    public FleetIdentity Identity
    {
        get
        {
            // Read before what it is of: where a reload comes between, the next request makes it again.
            int version = _parts.Registry.Version;
            if (Volatile.Read(ref _kept) is { } kept && kept.Version == version) return kept.Identity;
            var identity = FleetIdentity.Of(_parts.Registry, _parts.Options);
            Volatile.Write(ref _kept, new KeptIdentity(version, identity));
            return identity;
        }
    }

    /// <inheritdoc/>
    public string Mark => $"{_place:x16}";

    /// <summary>Members beside this one that get requests.</summary>
    public int Others => _roster.Fit.Count;

    /// <summary>Requests that others answered; that were sent again since a member died; that a member passed on.</summary>
    public (long Forwarded, long Retried, long Passed) Counts => (Volatile.Read(ref _forwarded), Volatile.Read(ref _retried), Volatile.Read(ref _passed));

    /// <inheritdoc/>
    public void WriteIdentity(Utf8JsonWriter json) => Identity.WriteTo(json);

    /// <summary>Joins those who are there.</summary>
    /// <exception cref="Errors.SparseRMException">One answers by other means.</exception>
    public Task JoinAsync(CancellationToken cancel) => _roster.JoinAsync(cancel);

    /// <inheritdoc/>
    public bool IsFromMember(HttpRequest request) =>
        (string?)request.Headers[FleetCalls.TokenHeader] is { } given && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), _tokenHash);

    /// <inheritdoc/>
    public bool HasMeansOf(HttpRequest request) => (string?)request.Headers[FleetCalls.MeansHeader] == Identity.Hash;

    /// <inheritdoc/>
    public TimeSpan ElapsedOf(HttpRequest request) =>
        long.TryParse((string?)request.Headers[FleetCalls.ElapsedHeader], NumberStyles.None, CultureInfo.InvariantCulture, out long milliseconds) && milliseconds < int.MaxValue
            ? TimeSpan.FromMilliseconds(milliseconds) : TimeSpan.Zero;

    /// <inheritdoc/>
    public async Task AnswerAsync(WireCall call, Func<WireCall, Task> here)
    {
        var others = _roster.Fit;
        if (others.Count == 0 || _prompts.Of(call.Body) is not { } prompt)
        {
            await here(call).ConfigureAwait(false);
            return;
        }
        string means = Identity.Hash;
        ExceptionDispatchInfo? full = null;
        foreach (int i in FleetPlacement.Order(prompt, [OwnLoad, .. others.Select(member => member.Load)]))
        {
            if (i > 0)
            {
                if (await TryAsync(others[i - 1], call, means).ConfigureAwait(false)) return;
                continue;
            }
            try
            {
                // This one is always in the order, so nothing is lost where all others die.
                await here(call).ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (Fault.Of(error).Kind == FaultKind.Full && !call.Http.Response.HasStarted)
            {
                full = ExceptionDispatchInfo.Capture(error);
            }
        }
        full!.Throw();
    }

    /// <inheritdoc/>
    public async Task<bool> TryAnswerAtAsync(WireCall call, string mark)
    {
        if (_roster.All.FirstOrDefault(member => $"{member.Place:x16}" == mark) is not { } owner) return false;
        return await TryAsync(owner, call, null).ConfigureAwait(false)
            ? true : throw new Fault(FaultKind.Unavailable, "the member of the fleet that has this does not answer now; ask again");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReloadResult>> ReloadAsync(string? name, CancellationToken cancel)
    {
        await _roster.RefreshAsync(cancel).ConfigureAwait(false);
        var results = await new FleetReload(_parts, _calls, _own.Id, _roster.All).RunAsync(name, cancel).ConfigureAwait(false);
        await _roster.RefreshAsync(cancel).ConfigureAwait(false);
        return results;
    }

    /// <summary>The first half of a reload at a member: its means are computed beside the requests, not in the first one that asks for them.</summary>
    public static Task<IReadOnlyList<ReloadResult>> PrepareAsync(ServerParts parts, string reload, string? name, CancellationToken cancel) =>
        parts.Registry.PrepareAsync(reload, name, reward => Task.Run(() => reward.Means, cancel), cancel);

    /// <inheritdoc/>
    public void WriteTo(MetricsText text)
    {
        var (forwarded, retried, passed) = Counts;
        text.Of("sparserm_fleet_members", "gauge", "Members that get requests, this one among them.").Line("", Others + 1);
        text.Of("sparserm_fleet_forwarded_total", "counter", "Requests that another member answered for this one.").Line("", forwarded);
        text.Of("sparserm_fleet_retried_total", "counter", "Requests that were asked again elsewhere, since a member died or could not be reached.").Line("", retried);
        text.Of("sparserm_fleet_passed_total", "counter", "Requests that a member passed on: it was full, about to stop, or had other means.").Line("", passed);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _roster.Dispose();
        _calls.Dispose();
    }

    private FleetLoad OwnLoad
    {
        get
        {
            var (waiting, room) = FleetRoutes.Queue(_parts);
            return new(_place, waiting, waiting >= room);
        }
    }

    private async Task<bool> TryAsync(FleetMember member, WireCall call, string? means)
    {
        FleetAnswer? answer;
        member.Sent();
        try
        {
            answer = await _calls.ForwardAsync(member, call, means).ConfigureAwait(false);
        }
        catch (Exception error) when (!call.Cancel.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException)
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
        if (answer is null)
        {
            Interlocked.Increment(ref _passed);
            return false;
        }
        Interlocked.Increment(ref _forwarded);
        foreach (var (name, value) in answer.Headers) call.Http.Response.Headers[name] = value;
        await call.WriteAsync(answer.Body, answer.Type ?? "application/json", answer.Status).ConfigureAwait(false);
        return true;
    }

    private sealed record KeptIdentity(int Version, FleetIdentity Identity);
}
