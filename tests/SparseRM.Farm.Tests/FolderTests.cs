namespace SparseRM.Farm.Tests;

/// <summary>The farm's folders know each other in one direction only: a job knows no worker, and neither what they run on.</summary>
public class FolderTests
{
    [Fact]
    public void Folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(FarmOptions).Assembly.GetTypes(), "SparseRM.Farm",
    [
        ("Jobs", []),
        ("Workers", ["Jobs"]),
        ("Clusters", ["Jobs", "Workers"]),
    ]);
}
