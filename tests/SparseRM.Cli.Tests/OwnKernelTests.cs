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

    [Fact]
    public void A_library_without_the_functions_is_no_kernel()
    {
        string build = Path.Combine(AppContext.BaseDirectory, "libsparserm_kernels.so");
        Cli.Run("kernels", "check", build).Failed(1, build, "it has no function srm_kernel_abi");
    }
}
