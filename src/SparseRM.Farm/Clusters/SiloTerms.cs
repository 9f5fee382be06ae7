using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace SparseRM.Farm.Clusters;

/// <summary>What all silos must be told alike. Each tells it to the others, and who came later and was told otherwise leaves.</summary>
internal static class SiloTerms
{
    private const string Lease = "lease";
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>What a silo tells of itself.</summary>
    public static Dictionary<string, string> Facts(FarmOptions options, IReadOnlyDictionary<string, string> more) =>
        new(more) { [Lease] = options.Lease.TotalSeconds.ToString("R", CultureInfo.InvariantCulture) };

    /// <summary>Looks at all silos that were there before.</summary>
    /// <returns>How one was told otherwise, in one sentence; null once all have said the same.</returns>
    public static async Task<string?> DifferenceAsync(IServiceProvider silo, FarmOptions options, CancellationToken cancel)
    {
        var membership = silo.GetRequiredService<IClusterMembershipService>();
        var told = silo.GetRequiredService<ISiloMetadataCache>();
        var own = silo.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        string lease = Facts(options, new Dictionary<string, string>())[Lease];
        for (bool isUnknown = true; isUnknown; await Task.Delay(s_pause, cancel))
        {
            isUnknown = false;
            foreach (var other in membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active && IsBefore(member.SiloAddress, own)))
            {
                if (!told.GetSiloMetadata(other.SiloAddress).Metadata.TryGetValue(Lease, out string? said)) isUnknown = true;
                else if (said != lease) return $"this one's --lease is {lease} s, and that of those who are there is {said} s; start it with --lease {said}";
            }
        }
        return null;
    }

    // Of two that come at once one stays.
    private static bool IsBefore(SiloAddress one, SiloAddress other) => one.Generation != other.Generation ? one.Generation < other.Generation : one.CompareTo(other) < 0;
}
