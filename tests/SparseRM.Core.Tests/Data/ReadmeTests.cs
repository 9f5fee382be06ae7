using System.Text.RegularExpressions;
using SparseRM.Data;

namespace SparseRM.Core.Tests.Data;

/// <summary>Runs what README says of the formats.</summary>
public sealed partial class ReadmeTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string> Rows()
    {
        var rows = new TheoryData<string, string>();
        string section = File.ReadAllText(Path.Combine(SharedData.Root, "README.md")).Split("\n### ").Single(part => part.StartsWith("Preference data", StringComparison.Ordinal));
        foreach (Match row in Row().Matches(section))
            rows.Add(row.Groups["name"].Value.Trim('`'), string.Join('\n', row.Groups["example"].Value.Split("<br>").Select(line => line[1..^1])));
        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Every_example_is_read_as_its_row_says(string name, string example)
    {
        bool isCsv = example[0] is not ('{' or '[');
        PreferenceSet set = PreferenceFile.Read(_folder.File(isCsv ? "a.csv" : "a.json", example));
        if (PreferenceFile.FormatNames.Contains(name)) Assert.Equal(name, set.Format);
        Assert.Equal(2, example.Split('\n').Length);
        Assert.Contains("Peru", set.Items[0].Prompt[^1].Content);
        Assert.StartsWith("Lima", set.Items[0].Chosen[0][^1].Content);
        Assert.StartsWith("Quito", set.Items[0].Rejected[0][^1].Content);
        Assert.All(set.Items.Skip(1), item => Assert.Equal(("2 + 2?", "4.", "5."), (item.Prompt[^1].Content, item.Chosen[0][^1].Content, item.Rejected[0][^1].Content)));
        Assert.Equal(isCsv || name == "trl-unpaired" ? 1 : 2, set.Items.Count);
    }

    [Fact]
    public void Every_format_has_its_row()
        => Assert.Equal(PreferenceFile.FormatNames.Order(), Rows().Select(row => row.Data.Item1).Where(PreferenceFile.FormatNames.Contains).Order());

    [GeneratedRegex(@"^\| (?<name>[^|]+) \|( [^|]+ \|)? (?<example>`[^|]+`) \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Row();
}
