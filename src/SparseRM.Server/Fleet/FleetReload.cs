using System.Diagnostics;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>Reads reward files again at all members of a fleet or at none, so that no two answer with different rewards.</summary>
/// <remarks>
/// Each member opens and checks the new file beside the old one; where all could, and all read the same bytes, each puts it in the old one's place, else all let
/// it go. While the second step goes from member to member, a forwarded request whose sender has the other reward is refused by its receiver and answered elsewhere.
/// A member takes one reload at a time, and every reload begins at the member whose name is the first, so two that come at once follow each other.
/// </remarks>
internal sealed class FleetReload(ServerParts parts, FleetCalls calls, string ownId, IReadOnlyList<FleetMember> others)
{
    /// <summary>How long a member may take to open and check its files, the wait for another reload included.</summary>
    public static readonly TimeSpan PreparePatience = TimeSpan.FromMinutes(1);

    /// <summary>How long a member that has prepared is asked again to commit, where it does not answer.</summary>
    public static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);
    private readonly string _reload = Guid.NewGuid().ToString("N");

    /// <summary>Reads a reward model again, or all.</summary>
    /// <param name="name">Which; null for all.</param>
    /// <param name="cancel">Gives up, until the first member commits.</param>
    /// <returns>What became of each; a problem names the member that has it.</returns>
    /// <exception cref="Fault">There is none of that name.</exception>
    public async Task<IReadOnlyList<ReloadResult>> RunAsync(string? name, CancellationToken cancel)
    {
        var names = parts.Registry.NamesOf(name);
        if (others.FirstOrDefault(member => member.Report is null) is { } silent) return [.. names.Select(one => Stays(one, Silence(silent)))];
        FleetMember?[] order = [.. others.Append(null).OrderBy(member => member?.Peer.Id ?? ownId, StringComparer.Ordinal)];
        try
        {
            var first = await PrepareAsync(order[0], name is null ? null : names[0], names, cancel).ConfigureAwait(false);
            IReadOnlyList<ReloadResult>[] prepared = first.All(result => result.Problem is not null) ? [first]
                : [first, .. await Task.WhenAll(order[1..].Select(member => PrepareAsync(member, name is null ? null : names[0], names, cancel))).ConfigureAwait(false)];
            return await Task.WhenAll(names.Select(one => Problem(one, prepared) is { } problem
                ? Task.FromResult(Stays(one, problem)) : CommitAsync(one, first.First(result => result.Name == one).Fingerprint))).ConfigureAwait(false);
        }
        finally
        {
            parts.Registry.End(_reload);
            await Task.WhenAll(others.Select(member => calls.ReloadAsync(member, $"{FleetRoutes.End}?reload={_reload}", FleetCalls.Patience, CancellationToken.None))).ConfigureAwait(false);
        }
    }

    private async Task<IReadOnlyList<ReloadResult>> PrepareAsync(FleetMember? member, string? name, IReadOnlyList<string> names, CancellationToken cancel)
    {
        if (member is not null)
        {
            string query = name is null ? "" : $"&model={Uri.EscapeDataString(name)}";
            return await calls.ReloadAsync(member, $"{FleetRoutes.Prepare}?reload={_reload}{query}", PreparePatience, cancel).ConfigureAwait(false)
                ?? [.. names.Select(one => Stays(one, Silence(member)))];
        }
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        wait.CancelAfter(PreparePatience);
        try
        {
            return await ServerFleet.PrepareAsync(parts, _reload, name, wait.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return [.. names.Select(one => Stays(one, $"it could not be read within {PreparePatience.TotalSeconds} s, or another reload took as long; reload again"))];
        }
    }

    private async Task<ReloadResult> CommitAsync(string name, string fingerprint)
    {
        string?[] problems = await Task.WhenAll(others.Select(member => CommitAsync(member, name, fingerprint))).ConfigureAwait(false);
        var done = parts.Registry.Commit(_reload, name, fingerprint);
        return done with { Problem = done.Problem ?? problems.FirstOrDefault(problem => problem is not null) };
    }

    // Half a fleet has the new file by now, so the other half is asked until it has it, too, or is no member any more.
    private async Task<string?> CommitAsync(FleetMember member, string name, string fingerprint)
    {
        string path = $"{FleetRoutes.Commit}?reload={_reload}&model={Uri.EscapeDataString(name)}&fingerprint={fingerprint}";
        for (long began = Stopwatch.GetTimestamp(); ; await Task.Delay(s_pause).ConfigureAwait(false))
        {
            if (await calls.ReloadAsync(member, path, FleetCalls.Patience, CancellationToken.None).ConfigureAwait(false) is { } results) return results.FirstOrDefault()?.Problem;
            if (member.Gone.IsCancellationRequested) return null;
            if (Stopwatch.GetElapsedTime(began) > CommitPatience)
                return $"{Silence(member)} and may have the old file still, which others have replaced; until a reload reaches it, it answers for itself alone";
        }
    }

    private ReloadResult Stays(string name, string problem) => new(name, parts.Registry.FingerprintOf(name), problem);

    private static string Silence(FleetMember member) => $"the member at {member.Peer.Address} does not answer";

    private static string? Problem(string name, IReadOnlyList<ReloadResult>[] prepared)
    {
        string? fingerprint = null;
        foreach (var at in prepared)
        {
            if (at.FirstOrDefault(result => result.Name == name) is not { } result) return "a member does not serve it";
            if (result.Problem is not null) return result.Problem;
            fingerprint ??= result.Fingerprint;
            if (result.Fingerprint != fingerprint) return $"members read different files, {fingerprint[..12]}.. and {result.Fingerprint[..12]}..; give all the same file";
        }
        return null;
    }
}
