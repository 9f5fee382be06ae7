namespace SparseRM.CApi.Tests;

/// <summary>Python programs that use the package from its sources, with the library that was published.</summary>
internal static class Python
{
    /// <summary>Runs a script; skips the calling test where there is no Python.</summary>
    public static Finished Run(Library library, string script, params IEnumerable<string> arguments) => Run(library.File, script, arguments);

    /// <summary>The same with any file of the C library.</summary>
    public static Finished Run(string library, string script, params IEnumerable<string> arguments)
    {
        string python = Tool.Find("python3", "whether the Python package works stays unknown");
        return Library.Run(python, ["-W", "error", script, .. arguments], new Dictionary<string, string>
        {
            ["SPARSERM_LIBRARY"] = library, ["PYTHONPATH"] = Library.Bindings("python"), ["PYTHONDONTWRITEBYTECODE"] = "1",
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

    [Fact]
    public void Its_types_hold_and_tell_a_score_from_scores()
    {
        string mypy = Tool.Find("mypy", "whether the Python package's types hold stays unknown"), program = library.Temporary("typed_use.py");
        File.WriteAllText(program, """
            from typing import assert_type
            from sparserm import SparseRM
            with SparseRM("model", "reward") as reward:
                assert_type(reward.score("prompt", "answer"), float)
                assert_type(reward.score("prompt", ["answer"]), list[float])
            """);
        var environment = new Dictionary<string, string> { ["MYPYPATH"] = Library.Bindings("python") };
        Library.Run(mypy, ["--ignore-missing-imports", "--cache-dir=/dev/null", Library.Bindings("python", "sparserm"), program], environment).Succeeded();
    }
}
