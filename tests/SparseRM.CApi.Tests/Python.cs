namespace SparseRM.CApi.Tests;

/// <summary>Python programs that use the package from its sources, with the library that was published.</summary>
internal static class Python
{
    /// <summary>Runs a script; skips the calling test where there is no Python.</summary>
    public static Finished Run(Library library, string script, params IEnumerable<string> arguments)
    {
        string python = Tool.Find("python3", "whether the Python package works stays unknown");
        return Library.Run(python, ["-W", "error", script, .. arguments], new Dictionary<string, string>
        {
            ["SPARSERM_LIBRARY"] = library.File, ["PYTHONPATH"] = Library.Bindings("python"), ["PYTHONDONTWRITEBYTECODE"] = "1",
        });
    }
}

/// <summary>The Python package.</summary>
public class PythonTests(Library library)
{
    [Fact]
    public void Its_own_tests_pass()
    {
        string tests = Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", "test_sparserm.py");
        Assert.Contains("OK", Python.Run(library, tests, Library.Model, library.Reward, Library.Sae, Library.Train).Error);
    }
}
