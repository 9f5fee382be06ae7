using System.Globalization;
using System.Text.Json;

namespace SparseRM.CApi.Tests;

/// <summary>Programs of C and C++ that use the library rightly, wrongly and hard.</summary>
public class ProgramTests(Library library)
{
    private const string Prompt = "What is six minus three?";
    private static readonly string[] s_answers = ["Three.", "Seventeen.", "It is four, so they say \u00e9\U0001F600"];

    [Fact]
    public void The_same_three_texts_have_the_same_bits_from_the_command_line_C_Cpp_Python_and_CSharp()
    {
        using var scorer = RewardScorer.Open(library.Reward, new BackboneOptions { Model = Library.Model });
        int[] expected = [.. s_answers.Select(answer => Bits(scorer.Score(Prompt, answer)))];
        string[] arguments = [Library.Model, library.Reward, Prompt, .. s_answers];
        Assert.Equal(expected, OfLines(Library.Run(library.Compile(Library.Bindings("c", "score.c")), arguments)));
        Assert.Equal(expected, OfLines(Library.Run(library.Compile(Library.Bindings("cpp", "score.cpp")), arguments)));
        Assert.Equal(expected, OfLines(Python.Run(library, Library.Bindings("python", "examples", "score.py"), arguments)));
        Assert.Equal(expected, FromCommandLine());
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
        Assert.Matches(@"SRM_HANDLE +\d+\n(.*\n)*completions [1-9]\d*, progress [1-9]\d*, log [1-9]\d*\n$",
            library.RunProgram("fuzz.c", Library.Model, library.Reward, Library.Sae, "20000", seed).Succeeded());

    [Fact]
    public void Sixty_four_threads_open_score_cancel_and_close_at_once() =>
        Assert.Matches(@"^\d+ scores, \d+ completions\n$", library.RunProgram("threads.c", Library.Model, library.Reward, "2").Succeeded());

    [Fact]
    public void Parquet_is_read_where_its_library_lies_beside_and_else_refused_with_one_sentence()
    {
        string script = Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", "parquet.py");
        string[] arguments = [Library.Model, SharedData.Shipped("field", "data", "ts.parquet"), library.Temporary("parquet.safetensors"), Library.Sae];
        Assert.StartsWith("fitted on 20 pairs", Python.Run(library.File, script, arguments).Succeeded());
        string alone = library.Temporary("alone", "libsparserm.so");
        Directory.CreateDirectory(Path.GetDirectoryName(alone)!);
        File.Copy(library.File, alone, overwrite: true);
        Assert.Matches(@"^data: .*ts\.parquet: parquet needs ParquetSharpNative\.so beside libsparserm\.so \(.*NuGet package ParquetSharp [0-9.]+\); put it there, or give jsonl\n$",
            Python.Run(alone, script, arguments).Succeeded());
    }

    [Fact]
    public void Callbacks_may_throw_take_long_and_call_back() => library.RunProgram("callbacks.cpp", Library.Model, library.Reward, Library.Sae, Library.Train).Succeeded();

    private int[] FromCommandLine()
    {
        string lines = library.Temporary("answers.jsonl"), program = Path.Combine(AppContext.BaseDirectory, "sparserm.dll");
        File.WriteAllLines(lines, s_answers.Select(answer => JsonSerializer.Serialize(new { prompt = Prompt, response = answer })));
        return [.. Library.Run("dotnet", [program, "score", "--model", Library.Model, "--reward", library.Reward, "--input", lines]).Succeeded()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Bits(JsonDocument.Parse(line).RootElement.GetProperty("score").GetSingle()))];
    }

    private static int[] OfLines(Finished run) => [.. run.Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => Bits(float.Parse(line.Split('\t')[0], CultureInfo.InvariantCulture)))];

    private static int Bits(float score) => BitConverter.SingleToInt32Bits(score);
}
