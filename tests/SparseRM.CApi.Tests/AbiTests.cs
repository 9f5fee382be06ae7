using System.Text.RegularExpressions;

namespace SparseRM.CApi.Tests;

/// <summary>
/// What programs that were compiled against an older header rely on. A test here fails when an exported symbol, a function's parameters or a struct's layout
/// changes: then SRM_ABI_VERSION and the symbols' version take a step, and the lists beside this file are rewritten (added functions alone need no step).
/// </summary>
public partial class AbiTests(Library library)
{
    private static string Listed(string name) => File.ReadAllText(Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", name));

    private static string Read(string tool, params string[] arguments) => Library.Run(Tool.Find(tool, "what the library exports and needs stays unknown"), arguments).Succeeded();

    [Fact]
    public void Exports_are_those_of_the_list_with_their_version_and_nothing_else()
    {
        var exported = Read("nm", "-D", "--with-symbol-versions", "--defined-only", library.File).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ')[^1]).Where(name => name != "SRM_2").Order(StringComparer.Ordinal);
        Assert.Equal(Listed("symbols.txt").Trim(), string.Join('\n', exported));
    }

    [Fact]
    public void Every_export_is_declared_in_the_header()
    {
        string header = File.ReadAllText(Path.Combine(Library.Include, "sparserm.h"));
        var declared = Declaration().Matches(header).Select(match => $"{match.Groups[1].Value}@@SRM_2").Order(StringComparer.Ordinal);
        Assert.Equal(Listed("symbols.txt").Trim(), string.Join('\n', declared));
    }

    /// <summary>A function with other parameters has the same symbol: a program that was compiled before would call it wrongly.</summary>
    [Fact]
    public void Functions_and_callbacks_take_what_the_list_says()
    {
        string header = File.ReadAllText(Path.Combine(Library.Include, "sparserm.h"));
        var declared = Prototype().Matches(header).Select(match => Space().Replace(match.Value, " "));
        Assert.Equal(Listed("prototypes.txt").Trim(), string.Join('\n', declared));
    }

    [Fact]
    public void The_symbols_have_the_version_of_the_header()
    {
        string header = File.ReadAllText(Path.Combine(Library.Include, "sparserm.h"));
        string version = VersionOfHeader().Match(header).Groups[1].Value;
        Assert.All(Listed("symbols.txt").Trim().Split('\n'), symbol => Assert.EndsWith($"@@SRM_{version}", symbol));
    }

    [Fact]
    public void Every_export_is_fuzzed()
    {
        string fuzzer = File.ReadAllText(Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", "fuzz.c"));
        Assert.All(Listed("symbols.txt").Trim().Split('\n'), symbol => Assert.Contains($"{symbol.Split('@')[0]}(", fuzzer));
    }

    [Fact]
    public void Layouts_are_those_of_the_list() => Assert.Equal(Listed("layout.txt"), library.RunProgram("layout.c").Succeeded());

    [Fact]
    public void Needs_glibc_2_34_at_most_and_no_libstdcpp()
    {
        var versions = GlibcVersion().Matches(Read("objdump", "-T", library.File)).Select(match => Version.Parse(match.Groups[1].Value));
        Assert.True(versions.Max() <= new Version(2, 34), $"needs GLIBC_{versions.Max()}");
        string dynamic = Read("readelf", "-d", library.File);
        string[] needed = [.. Needed().Matches(dynamic).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];
        Assert.Equal(["ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6"], needed);
        Assert.Contains("Library soname: [libsparserm.so]", dynamic);
        Assert.Contains("NODELETE", dynamic);
    }

    [Fact]
    public void Is_smaller_than_15_MB() => Assert.InRange(new FileInfo(library.File).Length, 1 << 20, 15_000_000);

    [GeneratedRegex(@"^(?:srm_status|int32_t|int64_t|const char \*) ?\*?(srm_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^(?:typedef )?(?:srm_status|int32_t|int64_t|const char \*|void) ?\*?\(?\*?srm_\w+\)?\([^;]*;", RegexOptions.Multiline)]
    private static partial Regex Prototype();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"#define SRM_ABI_VERSION (\d+)")]
    private static partial Regex VersionOfHeader();

    [GeneratedRegex(@"GLIBC_([0-9.]+)")]
    private static partial Regex GlibcVersion();

    [GeneratedRegex(@"NEEDED\)\s+Shared library: \[(.+)\]")]
    private static partial Regex Needed();
}
