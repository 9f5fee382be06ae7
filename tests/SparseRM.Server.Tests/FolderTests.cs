namespace SparseRM.Server.Tests;

/// <summary>The server's folders know each other in one direction only: what is scored knows no HTTP, no wire knows the fleet.</summary>
public class FolderTests
{
    [Fact]
    public void Folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(RewardServer).Assembly.GetTypes(), "SparseRM.Server",
    [
        ("Faults", []),
        ("Telemetry", ["Faults"]),
        ("Serving", ["Faults", "Telemetry"]),
        ("Http", ["Faults", "Telemetry", "Serving"]),
        ("Wires", ["Faults", "Telemetry", "Serving", "Http"]),
        ("Fleet", ["Faults", "Telemetry", "Serving", "Http", "Wires"]),
    ]);
}
