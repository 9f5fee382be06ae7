using System.Text.RegularExpressions;

namespace SparseRM.Conformance.Tests;

/// <summary>How source files are written: what neither compiler nor <c>dotnet format</c> looks at.</summary>
public partial class SourceTests
{
    private const int MostLines = 450;
    private static readonly string[] s_folders = ["src", "native", "kernels", "tests", "benchmarks"];

    /// <summary>What builds leave behind, and what made the goldens, which is kept as it ran.</summary>
    private static readonly string[] s_made = ["/bin/", "/obj/", "/node_modules/", "/tests/data/"];

    /// <summary>Columns of a line, by the file's ending; a literal of C# counts as its quotation marks.</summary>
    private static readonly Dictionary<string, int> s_columns = new()
    {
        [".cs"] = 200, [".cpp"] = 180, [".h"] = 180, [".hpp"] = 180, [".c"] = 180, [".inc"] = 160, [".cu"] = 120, [".cuh"] = 120, [".sh"] = 160, [".py"] = 200,
        [".md"] = int.MaxValue,
    };

    [Fact]
    public void Lines_and_files_are_short_without_trailing_blanks_or_tabs()
    {
        string[] files = [.. Files()];
        Assert.All(s_columns.Keys, ending => Assert.Contains(files, file => file.EndsWith(ending, StringComparison.Ordinal)));
        string[] faults = [.. files.SelectMany(file => Faults(file, File.ReadAllText(file)))];
        Assert.True(faults.Length == 0, string.Join('\n', faults));
    }

    [Fact]
    public void Each_fault_is_found()
    {
        Assert.Empty(Faults("a.cs", "int a;\n\nint b;\n"));
        Assert.Equal("a.cs:1: blanks at the end of the line", Assert.Single(Faults("a.cs", "int a; \n")));
        Assert.Equal("a.inc:2: a tab or carriage return; indent with spaces", Assert.Single(Faults("a.inc", "\n\tint a;\n")));
        Assert.Equal("a.cs: does not end with one line break", Assert.Single(Faults("a.cs", "int a;")));
        Assert.Equal("a.cs: does not end with one line break", Assert.Single(Faults("a.cs", "int a;\n\n")));
        Assert.Equal("a.cu:1: 121 columns, at most 120", Assert.Single(Faults("a.cu", new string('a', 121) + "\n")));
        Assert.Equal("a.cs:1: 201 columns, at most 200", Assert.Single(Faults("a.cs", new string('a', 199) + "\"many \\\" words\"\n")));
        Assert.StartsWith("a.cs: 451 lines", Assert.Single(Faults("a.cs", string.Concat(Enumerable.Repeat("\n", 450)) + "a\n")));
        Assert.Empty(Faults("a.cs", new string('a', 198) + "\"many \\\" words\"\n"));
    }

    private static IEnumerable<string> Files() =>
        from folder in s_folders
        from path in Directory.EnumerateFiles(Path.Combine(SharedData.Root, folder), "*", SearchOption.AllDirectories)
        where s_columns.ContainsKey(Path.GetExtension(path)) && !s_made.Any(path.Contains)
        select path;

    private static IEnumerable<string> Faults(string path, string text)
    {
        string extension = Path.GetExtension(path), name = Path.IsPathRooted(path) ? Path.GetRelativePath(SharedData.Root, path) : path;
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            if (line.EndsWith(' ')) yield return $"{name}:{number}: blanks at the end of the line";
            if (line.AsSpan().ContainsAny('\t', '\r')) yield return $"{name}:{number}: a tab or carriage return; indent with spaces";
            int columns = extension == ".cs" ? Literal().Replace(line, "\"\"").Length : line.Length;
            if (columns > s_columns[extension]) yield return $"{name}:{number}: {columns} columns, at most {s_columns[extension]}";
        }
        if (number > MostLines + 1) yield return $"{name}: {number - 1} lines, at most {MostLines}; give a part of it its own file";
        if (!text.EndsWith('\n') || text.EndsWith("\n\n", StringComparison.Ordinal)) yield return $"{name}: does not end with one line break";
    }

    [GeneratedRegex("""
        \"{3}.*?\"{3}|"(?:\\.|[^"\\])*"
        """)]
    private static partial Regex Literal();
}
