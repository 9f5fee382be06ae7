using System.Diagnostics;

namespace SparseRM.Cli.Tests;

/// <summary>Kernels of a user's own: the example in the tree, and what can be wrong with one. Compiled here, so skipped where there is no C compiler.</summary>
public sealed class OwnKernelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The example with some of its text changed, compiled.</summary>
    private string Compile(params (string Text, string Other)[] changes)
    {
        string source = File.ReadAllText(Path.Combine(SharedData.Root, "native", "examples", "own_matmul.c"));
        foreach (var (text, other) in changes)
        {
            Assert.Contains(text, source);
            source = source.Replace(text, other, StringComparison.Ordinal);
        }
        File.WriteAllText(_folder.File("own.c"), source);
        string library = _folder.File("own.so");
        try
        {
            using var compiler = Process.Start("cc", ["-O2", "-shared", "-fPIC", $"-I{Path.Combine(SharedData.Root, "native", "include")}", "-o", library, _folder.File("own.c")]);
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("there is no C compiler named cc; apt-get install gcc");
        }
        return library;
    }

    [Fact]
    public void The_example_is_right_and_is_timed_beside_ours()
    {
        string library = Compile();
        var json = Cli.Run("kernels", "check", library, "--json").Json();
        Assert.Equal((true, 80), (json.GetProperty("right").GetBoolean(), json.GetProperty("products").GetInt32()));
        var rows = Cli.Run("bench", "ops", "--kernel", library, "--axes", "matmul:rows=7;inputs=40;outputs=70", "--dtype", "f32", "--quick", "--backend", "cpu", "--json").Json();
        string[] variants = [.. rows.GetProperty("ops").EnumerateArray().Select(row => row.GetProperty("variant").GetString()!)];
        Assert.Equal(("scalar", "own"), (variants[0], variants[^1]));
        var ab = Cli.Run("bench", "ab", "scalar", library, "--shape", "matmul:rows=7;inputs=40;outputs=70", "--dtype", "f32", "--rounds", "16", "--seconds", "1", "--json").Json();
        Assert.Equal("own", ab.GetProperty("b_variant").GetString());
    }

    [Fact]
    public void Products_that_it_does_not_take_are_not_timed()
    {
        var result = Cli.Run("bench", "ops", "--kernel", Compile(), "--axes", "matmul:rows=7;inputs=40;outputs=70", "--dtype", "bf16", "--quick", "--backend", "cpu", "--json");
        Assert.DoesNotContain(result.Json().GetProperty("ops").EnumerateArray(), row => row.GetProperty("variant").GetString() == "own");
        Assert.Contains("matmul=own was not timed", result.Error);
    }

    [Theory]
    [InlineData("return SRM_KERNEL_ABI;", "return 7;", "it speaks kernel ABI 7, this build needs 1")]
    [InlineData("srm_kernel_multiply(const", "multiply(const", "it has no function srm_kernel_multiply")]
    [InlineData("first < t->rows; first", "first < t->rows - 1; first", "of y unwritten, or NaN")]
    [InlineData("j < t->outputs; j++)\n        t->y", "j < t->outputs + 1; j++)\n        t->y", "writes outside of y")]
    [InlineData("sums[r][j] + (t->bias", "sums[r][j] * 1.001f + (t->bias", "where the reference has")]
    [InlineData("sums[r][j] + (t->bias", "sums[r][j] + 1e-8f * (float)t->rows + (t->bias", "other bits alone than among")]
    [InlineData("float sums[BLOCK][PANEL];", "float sums[BLOCK][PANEL]; *(volatile int*)8 = 1;", "ended its process with signal")]
    public void What_is_wrong_with_a_kernel_is_one_sentence(string text, string other, string problem)
    {
        string library = Compile((text, other));
        Cli.Run("kernels", "check", library).Failed(1, library, problem);
    }

    [Fact]
    public void A_kernel_that_hangs_is_ended()
    {
        string library = Compile(("float sums[BLOCK][PANEL];", "float sums[BLOCK][PANEL]; for (volatile int i = 0; i >= 0;) {}"));
        Cli.Run("kernels", "check", library, "--limit", "4").Failed(1, library, "did not answer within 4 s");
    }

    [Theory]
    [InlineData("kernels", "check")]
    [InlineData("bench", "ab", "scalar")]
    public void A_kernel_that_hangs_is_interrupted_at_once_and_ends_with_the_program(params string[] command)
    {
        string library = Compile(("float sums[BLOCK][PANEL];", "float sums[BLOCK][PANEL]; for (volatile int i = 0; i >= 0;) {}"));
        string[] options = command[0] == "bench" ? ["--dtype", "f32", "--shape", "matmul:rows=7;inputs=40;outputs=70"] : [];
        using var process = Cli.Start(new CliInput(), [.. command, library, .. options]);
        Until(() => Others(library).Length > 0);
        Thread.Sleep(1500);
        var clock = Stopwatch.StartNew();
        Signals.Send(process, Signals.Interrupt);
        var result = Cli.Finish(process, new CliInput());
        Assert.Equal(130, result.Code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 30);
        Until(() => Others(library).Length == 0);
    }

    [Fact]
    public void Its_process_ends_when_the_program_was_killed()
    {
        string library = Compile(("float sums[BLOCK][PANEL];", "float sums[BLOCK][PANEL]; for (volatile int i = 0; i >= 0;) {}"));
        using var process = Cli.Start(new CliInput(), "kernels", "check", library);
        Until(() => Others(library).Length > 1);
        process.Kill();
        Until(() => Others(library).Length == 0);
    }

    [Fact]
    public void What_a_kernel_prints_is_no_answer_of_its_process()
    {
        string library = Compile(("float sums[BLOCK][PANEL];", "float sums[BLOCK][PANEL]; printf(\"0.5\\n\"); fflush(stdout);"), ("#include \"srm_kernel.h\"", "#include \"srm_kernel.h\"\n#include <stdio.h>"));
        Assert.Equal(80, Cli.Run("kernels", "check", library, "--json").Json().GetProperty("products").GetInt32());
        var ab = Cli.Run("bench", "ab", "scalar", library, "--shape", "matmul:rows=7;inputs=40;outputs=70", "--dtype", "f32", "--rounds", "16", "--seconds", "1", "--json").Json();
        Assert.Equal("own", ab.GetProperty("b_variant").GetString());
    }

    [Fact]
    public void What_would_not_be_timed_is_refused()
    {
        string library = Compile();
        Cli.Run("bench", "ops", "--kernel", library, "--op", "attention", "--quick").Failed(2, library, "would not be timed");
        Cli.Run("bench", "ab", "scalar", $"{library}:fast", "--dtype", "f32", "--shape", "matmul:rows=7;inputs=40;outputs=70").Failed(1, "has no variant fast");
    }

    /// <summary>Processes that were given the library.</summary>
    private static string[] Others(string library) => [.. Directory.GetDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _) && Holds(Path.Combine(folder, "cmdline"), library))];

    private static bool Holds(string file, string text)
    {
        try
        {
            return File.ReadAllText(file).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void Until(Func<bool> holds)
    {
        for (var clock = Stopwatch.StartNew(); !holds(); Thread.Sleep(50)) Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void A_library_without_the_functions_is_no_kernel()
    {
        string build = Path.Combine(AppContext.BaseDirectory, "libsparserm_kernels.so");
        Cli.Run("kernels", "check", build).Failed(1, build, "it has no function srm_kernel_abi");
    }
}
