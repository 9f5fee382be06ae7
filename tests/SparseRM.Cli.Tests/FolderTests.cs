namespace SparseRM.Cli.Tests;

/// <summary>The command line's folders know each other in one direction only.</summary>
public class FolderTests
{
    [Fact]
    public void Commands_use_the_terminal_and_never_the_other_way_round() => FolderArrows.AssertHeld(System.Reflection.Assembly.Load("sparserm").GetTypes(), "SparseRM.Cli",
    [
        ("Terminal", []),
        ("Lines", ["Terminal"]),
        ("Commands", ["Terminal", "Lines"]),
    ]);
}
