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
        Assert.Contains("OK", Python.Run(library, Program("test_sparserm.py"), Library.Model, library.Reward, Library.Sae, Library.Train).Error);
    }

    /// <summary>By hand for longer: the same program with more seconds and other seeds. Memory is checked by glibc's own allocator.</summary>
    [Fact]
    public void Ctrl_C_at_any_moment_and_again_leaves_memory_and_handles_whole() =>
        Assert.Matches(@"^[1-9]\d* signals, [1-9]\d* calls interrupted, [1-9]\d* not, 0 handles open\n$", Python.Run(library, Program("interrupts.py"), Library.Model, library.Reward, "3", "1").Succeeded());

    [Fact]
    public void The_interpreter_may_end_while_calls_run() =>
        Assert.Equal("ended\n", Python.Run(library, Program("exits.py"), Library.Model, library.Reward, "1").Succeeded());

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

    private static string Program(string name) => Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", name);
}
