using System.Security.Cryptography;

namespace SparseRM.Server.Fleet;

/// <summary>A member of a fleet of servers, as the membership tells of it.</summary>
/// <param name="Id">Its name, which no other member ever has.</param>
/// <param name="Address">Where its server is reached by the others.</param>
/// <param name="Token">A secret of its own that only members know: who sends it is one.</param>
public sealed record FleetPeer(string Id, Uri Address, string Token)
{
    private const string AddressFact = "address", TokenFact = "token";

    /// <summary>What a server that is reached at an address tells the others of itself, with a new secret.</summary>
    public static IReadOnlyDictionary<string, string> NewFacts(Uri address) =>
        new Dictionary<string, string> { [AddressFact] = address.ToString(), [TokenFact] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) };

    /// <summary>A member by its name and what it told of itself; null where it has not told where it is reached.</summary>
    public static FleetPeer? Of(string id, IReadOnlyDictionary<string, string> facts) =>
        facts.TryGetValue(AddressFact, out string? address) && facts.TryGetValue(TokenFact, out string? token) ? new FleetPeer(id, new Uri(address), token) : null;
}
