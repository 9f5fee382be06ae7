namespace SparseRM.CApi.Tests;

/// <summary>What a process does to a library that lives in it.</summary>
public class HostTests(Library library)
{
    [Fact]
    public void A_host_may_unload_it_end_the_threads_that_used_it_and_load_it_again() =>
        Assert.Single(Scores(library.RunProgram("host.c", library.File, Library.Model, library.Reward)), score => score.Count == 4);

    [Fact]
    public void Two_runtimes_live_in_one_process()
    {
        string other = library.Temporary("libother.so");
        File.Copy(library.File, other, overwrite: true);
        Assert.Single(Scores(library.RunProgram("host.c", library.File, Library.Model, library.Reward, other)), score => score.Count == 5);
    }

    [Theory, InlineData(8_000_000), InlineData(1_000_000), InlineData(400_000)]
    public void Scores_where_the_address_space_is_bounded(int kilobytes)
    {
        string program = library.Compile(Library.Bindings("c", "score.c"));
        Assert.EndsWith("\tThree.\n", Under(kilobytes, program, "What is six minus three?", "Three.").Succeeded());
    }

    /// <summary>Down to where the runtime cannot start; the program itself insists on a score or "out of memory" from every call.</summary>
    [Fact]
    public void Without_memory_every_call_is_an_error_and_the_host_lives()
    {
        string program = library.Compile(Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", "memory.c"));
        var said = new List<string>();
        foreach (int kilobytes in new[] { 50_000, 200_000, 400_000, 1_000_000 }) said.Add(Under(kilobytes, program).Succeeded());
        Assert.StartsWith("opened 0, refused 1", said[0]);
        Assert.DoesNotContain("opened 0", said[^1]);
        Assert.DoesNotContain("short of memory 0", said[^1]);
    }

    private Finished Under(int kilobytes, string program, params string[] arguments) =>
        Library.Run("/bin/sh", ["-c", $"ulimit -v {kilobytes}; exec \"$@\"", "sh", program, Library.Model, library.Reward, .. arguments]);

    [Fact]
    public void A_model_that_shrinks_or_vanishes_is_an_error_and_the_host_lives()
    {
        using var copy = TemporaryFolder.CopyOf(Library.Model);
        library.RunProgram("shrink.c", copy.Path, library.Reward).Succeeded();
    }

    [Fact]
    public void Valgrind_finds_nothing_in_the_C_example()
    {
        string valgrind = Tool.Find("valgrind", "whether the C example reads or writes what it must not stays unknown");
        string library2 = library.Temporary("stripped"); // without the symbols beside it, which valgrind cannot read
        Directory.CreateDirectory(library2);
        File.Copy(library.File, Path.Combine(library2, "libsparserm.so"), overwrite: true);
        string program = library.Compile(Library.Bindings("c", "score.c"));
        string[] arguments = ["-q", "--error-exitcode=99", program, Library.Model, library.Reward, "What is six minus three?", "Three."];
        var run = Library.Run(valgrind, arguments, new Dictionary<string, string> { ["LD_PRELOAD"] = Path.Combine(library2, "libsparserm.so") });
        Assert.Equal("", run.Error);
        Assert.EndsWith("\tThree.\n", run.Succeeded());
    }

    /// <summary>The scores that were written, which must be one and the same, by their text.</summary>
    private static Dictionary<string, List<string>>.ValueCollection Scores(Finished run) =>
        run.Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries).GroupBy(line => line).ToDictionary(group => group.Key, group => group.ToList()).Values;
}
