using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>Reads reward files again at all members of a fleet or at none, so that no two answer with different rewards.</summary>
/// <remarks>
/// Each member opens and checks the new file beside the old one; where all could, and all read the same bytes, each puts it in the old one's place, else all let
/// it go. While the second step goes from member to member, a forwarded request whose sender has the other reward is refused by its receiver and answered elsewhere.
/// </remarks>
internal static class FleetReload
{
    /// <summary>Reads a reward model again, or all.</summary>
    /// <returns>What became of each; a problem names the member that has it.</returns>
    public static async Task<IReadOnlyList<ReloadResult>> RunAsync(ServerParts parts, FleetCalls calls, IReadOnlyList<FleetPeer> others, string? name, CancellationToken cancel)
    {
        var own = await parts.Registry.PrepareAsync(name, cancel).ConfigureAwait(false);
        string[] names = [.. own.Select(result => result.Name)];
        string query = name is null ? "" : $"?model={Uri.EscapeDataString(name)}";
        var prepared = await Task.WhenAll(others.Select(peer => calls.ReloadAsync(peer, FleetRoutes.Prepare + query, names, cancel))).ConfigureAwait(false);
        var results = new List<ReloadResult>();
        foreach (var mine in own)
        {
            string? problem = mine.Problem ?? Problem(mine, prepared);
            if (problem is not null)
            {
                await EachAsync(FleetRoutes.Abort, mine.Name, "").ConfigureAwait(false);
                parts.Registry.Abort(mine.Name);
                results.Add(new ReloadResult(mine.Name, parts.Registry.FingerprintOf(mine.Name), problem));
                continue;
            }
            var committed = await EachAsync(FleetRoutes.Commit, mine.Name, mine.Fingerprint).ConfigureAwait(false);
            var done = parts.Registry.Commit(mine.Name, mine.Fingerprint);
            results.Add(done with { Problem = done.Problem ?? committed.SelectMany(all => all).Select(result => result.Problem).FirstOrDefault(late => late is not null) });
        }
        return results;

        async Task<IReadOnlyList<ReloadResult>[]> EachAsync(string step, string model, string fingerprint) => await Task.WhenAll(others.Select(peer =>
            calls.ReloadAsync(peer, $"{step}?model={Uri.EscapeDataString(model)}&fingerprint={fingerprint}", [model], cancel))).ConfigureAwait(false);
    }

    private static string? Problem(ReloadResult mine, IReadOnlyList<ReloadResult>[] prepared)
    {
        foreach (var there in prepared)
        {
            var result = there.FirstOrDefault(result => result.Name == mine.Name) ?? new ReloadResult(mine.Name, "", "a member does not serve it");
            if (result.Problem is not null) return result.Problem;
            if (result.Fingerprint != mine.Fingerprint) return $"members read different files: {mine.Fingerprint[..12]}.. here, {result.Fingerprint[..12]}.. at another; give all the same file";
        }
        return null;
    }
}
