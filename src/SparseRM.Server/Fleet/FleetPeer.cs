namespace SparseRM.Server.Fleet;

/// <summary>A member of a fleet of servers, as the membership tells of it.</summary>
/// <param name="Id">Its name, which no other member ever has.</param>
/// <param name="Address">Where its server is reached by the others.</param>
/// <param name="Token">A secret of its own that only members know: who sends it is one.</param>
public sealed record FleetPeer(string Id, Uri Address, string Token);
