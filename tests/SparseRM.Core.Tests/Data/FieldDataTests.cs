using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>The same pairs in layouts that people have; each must be read as those of MiniWorld's own file.</summary>
public sealed class FieldDataTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, int> Files()
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(SharedData.Shipped("field", "data", "expect.json")));
        return [.. expected.RootElement.EnumerateObject().Select(file => (file.Name, file.Value.GetProperty("pairs").GetInt32()))];
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Reads_the_same_pairs_from_every_layout(string file, int pairs)
    {
        PreferenceSet set = PreferenceFile.Read(SharedData.Shipped("field", "data", file));
        Assert.Equal(pairs, set.Items.Sum(item => item.Chosen.Count * item.Rejected.Count));
        // One file has one answer a row, so that pairs with one prompt are one item: compare the answers, each with its prompt.
        int rows = set.Items.Sum(item => item.Chosen.Count);
        IEnumerable<PreferenceItem> plain = PreferenceFile.Read(SharedData.MiniWorld("pairs", "truthfulness.test.jsonl")).Items.Take(rows);
        Assert.Equal(plain.SelectMany(Answers).Order(StringComparer.Ordinal), set.Items.SelectMany(Answers).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Text_parts_are_the_text_that_they_make()
    {
        using JsonDocument parts = JsonDocument.Parse(File.ReadAllBytes(SharedData.Shipped("field", "chat", "parts.json")));
        Message[] Messages(string name) => [.. Assert.IsType<DialogueInput>(
            ScoreInputFile.Read(_folder.File(name, parts.RootElement.GetProperty(name).GetRawText())).Single()).Messages];
        Assert.Equal(Messages("same_as"), Messages("line"));
    }

    [Fact]
    public void A_parquet_footer_with_a_wrong_type_is_refused_at_once()
        => Assert.Contains("is not a whole, readable parquet file", Assert.Throws<DataFormatException>(
            () => PreferenceFile.Read(SharedData.Shipped("field", "hostile", "hang.parquet"))).Message);

    private static IEnumerable<string> Answers(PreferenceItem item)
        => item.Chosen.Select(answer => $"{Texts(item.Prompt)} > {Texts(answer)}").Concat(item.Rejected.Select(answer => $"{Texts(item.Prompt)} < {Texts(answer)}"));

    private static string Texts(IReadOnlyList<Message> messages) => string.Join(" | ", messages.Select(message => $"{message.Role}: {message.Content}"));
}
