using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using SparseRM.Backends;
using SparseRM.Interop;

namespace SparseRM.Conformance;

/// <summary>The header and its C# mirror are kept by hand; here they are compared.</summary>
public class AbiHeaderTests
{
    private static readonly string s_header = File.ReadAllText(Path.Combine(SharedData.Root, "native", "include", "srm_kernels.h"));
    private static readonly string s_mirror = File.ReadAllText(Path.Combine(SharedData.Root, "src", "SparseRM.Interop", "NativeMethods.cs"));

    [Theory]
    [InlineData(true, Architecture.X64, "is not beside the program or cannot be loaded")]
    [InlineData(true, Architecture.Arm64, "SparseRM runs on Linux on x64 alone, and this is Somewhere 1 on arm64")]
    [InlineData(false, Architecture.X64, "SparseRM runs on Linux on x64 alone, and this is Somewhere 1 on x64")]
    public void Another_system_is_told_plainly(bool isLinux, Architecture architecture, string expected) =>
        Assert.Contains(expected, NativeAbi.Absent(isLinux, architecture, "Somewhere 1"));

    [Fact]
    public void NativeMethods_declares_the_functions_of_the_header_in_its_order()
    {
        var header = Regex.Matches(s_header, @"SRMK_API [^;(]*?\b(srmk_\w+)\(([^)]*)\)").Select(Signature);
        var mirror = Regex.Matches(s_mirror, @"internal static partial [^;(]*?\b(srmk_\w+)\(([^)]*)\)").Select(Signature);
        Assert.Equal(header, mirror);
        Assert.NotEmpty(header);

        static string Signature(Match m)
        {
            string parameters = m.Groups[2].Value.Trim();
            return $"{m.Groups[1].Value}/{(parameters is "" or "void" ? 0 : parameters.Split(',').Length)}";
        }
    }

    [Fact]
    public void Every_import_names_its_calling_convention() =>
        Assert.Equal(Regex.Count(s_mirror, @"static partial"), Regex.Count(s_mirror, @"CallConvs = \[typeof\(CallConvCdecl\)\]"));

    [Fact]
    public void Versions_are_equal() =>
        Assert.Equal(Regex.Match(s_header, @"SRMK_ABI_VERSION (\d+)").Groups[1].Value, Regex.Match(s_mirror, @"AbiVersion = (\d+)").Groups[1].Value);

    [Fact]
    public void Ops_and_kinds_have_the_numbers_of_the_enums()
    {
        foreach (var op in Enum.GetValues<OpKind>())
        {
            string name = Regex.Replace(op.ToString().Replace("MatMul", "Matmul"), "(?<!^)([A-Z])", "_$1").ToUpperInvariant();
            Assert.Contains($"SRMK_OP_{name} = {(int)op},", s_header);
        }
        Assert.Contains($"SRMK_OP_COUNT = {Enum.GetValues<OpKind>().Length},", s_header);
        Assert.Contains("SRMK_PROBE_FMA_SCALAR = 0,", s_header);
        Assert.Contains("SRMK_PROBE_DOT_BF16 = 4,", s_header);
        Assert.Contains("SRMK_PROBE_COUNT = 9,", s_header);
    }

    /// <summary>The enums are the one list: each number of the C header and of the CUDA headers is read and compared.</summary>
    [Theory]
    [InlineData(typeof(SaeGateKind), "SRMK_SAE_", "native/include/srm_kernels.h")]
    [InlineData(typeof(GatedActivationKind), "SRMK_", "native/include/srm_kernels.h")]
    [InlineData(typeof(SaeGateKind), "k", "kernels/include/srm_cuda/sae_gate.cuh")]
    [InlineData(typeof(GatedActivationKind), "k", "kernels/include/srm_cuda/math.cuh")]
    public void Kinds_have_the_numbers_of_the_enums(Type kinds, string prefix, string path)
    {
        string header = File.ReadAllText(Path.Combine(SharedData.Root, path));
        // The list that the first name stands in: all of it belongs to the enum.
        string list = Regex.Match(header, $@"[^;{{}}]*\b{Spelled(Enum.GetName(kinds, 0)!)} = 0[^;{{}}]*").Value;
        var numbers = Regex.Matches(list, @"\b(\w+) = (\d+)").Select(m => (m.Groups[1].Value, int.Parse(m.Groups[2].Value)));
        Assert.Equal(Enum.GetNames(kinds).Select((name, i) => (Spelled(name), i)), numbers);
        Assert.Equal(Enumerable.Range(0, Enum.GetNames(kinds).Length), Enum.GetValuesAsUnderlyingType(kinds).Cast<int>());

        string Spelled(string name) => prefix + (prefix == "k" ? name
            : kinds == typeof(SaeGateKind) ? name.ToUpperInvariant() : Regex.Replace(name, "(?<!^)([A-Z])", "_$1").ToUpperInvariant());
    }

    [Fact]
    public void The_library_beside_the_tests_fits()
    {
        NativeAbi.Require();
        Assert.True(NativeAbi.IsUsable);
    }

    [Fact]
    public void Another_version_or_another_size_is_a_sentence_with_both_and_the_command()
    {
        Assert.Null(NativeAbi.Compare(5, 40, 32, 56, 24, 24, 56));
        Assert.Equal(
            "cpu: libsparserm_kernels speaks ABI 7, this build needs 5; run `dotnet build` to rebuild it",
            NativeAbi.Compare(7)!.Message);
        Assert.Contains(
            "has structs of 48, 32, 56, 24, 24, 56 bytes, this build needs 40, 32, 56, 24, 24, 56", NativeAbi.Compare(5, 48, 32, 56, 24, 24, 56)!.Message);
    }
}
