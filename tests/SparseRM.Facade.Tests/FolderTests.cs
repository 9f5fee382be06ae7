using SparseRM.Benchmarking;

namespace SparseRM.Facade.Tests;

/// <summary>Folders know each other in one direction only.</summary>
public class FolderTests
{
    [Fact]
    public void The_facade_s_folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(RewardScorer).Assembly.GetTypes(), "SparseRM",
    [
        ("Engine", []),
        ("Lines", ["Engine"]),
        ("Parts", ["Engine", "Lines"]),
    ]);

    [Fact]
    public void The_benchmarks_folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(MachineLoad).Assembly.GetTypes(), "SparseRM.Benchmarking",
    [
        ("Ops", []),
        ("Ab", ["Ops"]),
        ("Serving", []),
    ]);
}
