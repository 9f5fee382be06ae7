namespace SparseRM.CApi.Tests;

/// <summary>Programs of C and C++ that use the library rightly, wrongly and hard.</summary>
public class ProgramTests(Library library)
{
    private const string Prompt = "What is six minus three?";
    private static readonly string[] s_answers = ["Three.", "Seventeen.", "It is four, so they say \u00e9\U0001F600"];

    [Fact]
    public void Scores_have_the_bits_of_the_facade_in_C_Cpp_and_Python()
    {
        using var scorer = RewardScorer.Open(library.Reward, new BackboneOptions { Model = Library.Model });
        string expected = string.Concat(s_answers.Select(answer => $"{scorer.Score(Prompt, answer):G9}\t{answer}\n"));
        string[] arguments = [Library.Model, library.Reward, Prompt, .. s_answers];
        Assert.Equal(Bits(expected), Bits(Library.Run(library.Compile(Library.Bindings("c", "score.c")), arguments).Succeeded()));
        Assert.Equal(Bits(expected), Bits(Library.Run(library.Compile(Library.Bindings("cpp", "score.cpp")), arguments).Succeeded()));
        Assert.Equal(Bits(expected), Bits(Python.Run(library, Library.Bindings("python", "examples", "score.py"), arguments).Succeeded()));
    }

    [Fact]
    public void An_example_says_what_is_wrong_and_ends_with_1()
    {
        var failed = Library.Run(library.Compile(Library.Bindings("c", "score.c")), ["/nowhere/model", "/nowhere/reward", "a", "b"]);
        Assert.Equal(1, failed.Code);
        Assert.Equal("SRM_MODEL: /nowhere/reward: there is no such file; check the path\n", failed.Error);
    }

    [Fact]
    public void Every_wrong_call_has_its_status() => library.RunProgram("faults.c", Library.Model, library.Reward, Library.Sae).Succeeded();

    /// <summary>By hand, for an hour or a million calls: the same program with other numbers (see src/SparseRM.Bindings/README.md).</summary>
    [Theory, InlineData("1"), InlineData("2")]
    public void No_fuzzed_call_crashes_or_leaks_a_handle(string seed) =>
        Assert.Contains("SRM_HANDLE", library.RunProgram("fuzz.c", Library.Model, library.Reward, Library.Sae, "20000", seed).Succeeded());

    [Fact]
    public void Sixty_four_threads_open_score_cancel_and_close_at_once() =>
        Assert.Matches(@"^\d+ scores, \d+ completions\n$", library.RunProgram("threads.c", Library.Model, library.Reward, "2").Succeeded());

    [Fact]
    public void Callbacks_may_throw_take_long_and_call_back() => library.RunProgram("callbacks.cpp", Library.Model, library.Reward, Library.Sae, Library.Train).Succeeded();

    private static int[] Bits(string lines) => [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => BitConverter.SingleToInt32Bits(float.Parse(line.Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture)))];
}
