using System.Text;
using Parquet.Serialization;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class ContainerTests : IDisposable
{
    private const string Good = """{"prompt":"q","chosen":"a","rejected":"b"}""";
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.jsonl", Good + "\n" + Good, "jsonl")]
    [InlineData("a.jsonl", "\uFEFF" + Good + "\r\n\r\n" + Good + "\r\n", "jsonl")]
    [InlineData("a.json", Good + "\n" + Good, "jsonl")]
    [InlineData("a", Good + "\n" + Good, "jsonl")]
    [InlineData("a.json", "[" + Good + ",\n" + Good + "]", "json")]
    [InlineData("a.jsonl", " [" + Good + "," + Good + "]", "json")]
    [InlineData("a.json", "{\"version\":1,\"data\":[" + Good + "," + Good + "]}", "json")]
    [InlineData("a", "\uFEFF{\n\"data\":[" + Good + "," + Good + "]}", "json")]
    [InlineData("a.csv", "prompt,chosen,rejected\nq,a,b\n\nq,a,b", "csv")]
    [InlineData("a.txt", "prompt,chosen,rejected\r\nq,a,b\r\nq,a,b\r\n", "csv")]
    public void Recognises_the_container_packed_or_not(string name, string text, string container)
    {
        foreach (string path in (string[])[_folder.File(name, text), _folder.File(name + ".gz", DataFolder.Gzip(text))])
        {
            PreferenceSet set = PreferenceFile.Read(path);
            Assert.Equal((container, 2, "trl-explicit"), (set.Container, set.Items.Count, set.Format));
        }
    }

    [Fact]
    public void A_line_longer_than_the_first_buffer_is_read_whole()
    {
        string answer = new('x', 300_000);
        string path = _folder.File("a.jsonl", $"{Good}\n{{\"prompt\":\"q\",\"chosen\":\"{answer}\",\"rejected\":\"b\"}}\n{Good}");
        PreferenceSet set = PreferenceFile.Read(path);
        Assert.Equal([1, 300_000, 1], set.Items.Select(item => item.Chosen[0][0].Content!.Length));
        Assert.Equal([1, 2, 3], set.Items.Select(item => item.Line));
    }

    [Fact]
    public void Csv_quotes_commas_and_line_breaks_stay_in_their_field()
    {
        string path = _folder.File("a.csv", "prompt,chosen,rejected\n\"a\nb\",\"say \"\"x\"\", y\",\"\r\nz\"\nq,a,b\n");
        PreferenceSet set = PreferenceFile.Read(path);
        Assert.Equal("a\nb", set.Items[0].Prompt[0].Content);
        Assert.Equal("say \"x\", y", set.Items[0].Chosen[0][0].Content);
        Assert.Equal("\r\nz", set.Items[0].Rejected[0][0].Content);
        Assert.Equal([2, 5], set.Items.Select(item => item.Line));
    }

    [Theory]
    [InlineData("q,a", "line 4: has 2 fields where the header has 3")]
    [InlineData("q,a,b,c", "line 4: has 4 fields where the header has 3")]
    [InlineData("q,\"a\"x,b", "line 4: text follows the closing quote of a field")]
    [InlineData("q,a\"x,b", "line 4: a quote stands inside a field that is not quoted")]
    public void Refuses_a_ragged_csv_row_by_line_or_skips_it(string row, string problem)
    {
        string path = _folder.File("a.csv", $"prompt,chosen,rejected\n\"q\n\",a,b\n{row}\nq,a,b\n");
        Assert.EndsWith(problem, Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
        Assert.Equal(2, PreferenceFile.Read(path, new() { SkipBad = true }).Items.Count);
    }

    [Fact]
    public void Refuses_broken_csv_as_a_whole()
    {
        Refuses(_folder.File("open.csv", "prompt,chosen,rejected\nq,a,b\nq,\"a,b\nq,a,b"), "line 3: a quoted field that begins here is never closed");
        Refuses(_folder.File("twice.csv", "prompt,prompt,rejected\nq,a,b"), "line 1: column 'prompt' occurs twice in the header");
        Refuses(_folder.File("latin.csv", [.. Encoding.Latin1.GetBytes("prompt,chosen,rejected\né,a,b")]), "is not UTF-8 text");
    }

    [Fact]
    public void Names_row_and_line_in_a_json_document()
    {
        Refuses(_folder.File("a.json", "[" + Good + ", 3]"), "row 2: expected a JSON object, found the number 3");
        Refuses(_folder.File("latin.json", [.. Encoding.Latin1.GetBytes("[" + Good.Replace("q", "é") + "]")]), "latin.json: is not UTF-8 text");
        Refuses(_folder.File("b.json", "[" + Good + ",\n{]"), "line 2: is not valid JSON, or a field occurs twice");
    }

    [Fact]
    public void Refuses_gzip_that_is_cut_anywhere_or_damaged()
    {
        byte[] whole = DataFolder.Gzip(string.Join('\n', Enumerable.Range(0, 200).Select(i => Good.Replace("q", $"q{i}"))));
        for (int length = 2; length < whole.Length; length += 7)
            Refuses(_folder.File("cut.jsonl.gz", whole[..length]), "");
        Refuses(_folder.File("cut.jsonl.gz", whole[..(whole.Length / 2)]), "the gzip data is cut short");
        whole[^6] ^= 1;
        Refuses(_folder.File("crc.jsonl.gz", whole), "is not valid gzip");
    }

    [Fact]
    public void Reads_gzip_of_several_members_and_refuses_a_cut_last_one()
    {
        byte[] members = [.. DataFolder.Gzip(Good + "\n"), .. DataFolder.Gzip(Good + "\n" + Good.Replace("q", "what"))];
        Assert.Equal(3, PreferenceFile.Read(_folder.File("two.jsonl.gz", members)).Items.Count);
        Refuses(_folder.File("cut.jsonl.gz", members[..^12]), "");
    }

    [Fact]
    public async Task Reads_parquet_with_texts_lists_and_nested_messages()
    {
        string texts = await Parquet("texts.parquet",
            new TextRow { prompt = "q", chosen = "a", rejected = "b", subset = "s" }, new TextRow { prompt = "q2", chosen = "c", rejected = "d" });
        PreferenceSet set = PreferenceFile.Read(texts);
        Assert.Equal(("trl-explicit", "parquet", 2), (set.Format, set.Container, set.Items.Count));
        Assert.Equal(("s", (string?)null, 2L), (set.Items[0].Subset, set.Items[1].Subset, set.Items[1].Line));

        string dialogues = await Parquet("dialogues.parquet",
            new DialogueRow { chosen = [User("q"), Assistant("a")], rejected = [User("q"), Assistant("b")] },
            new DialogueRow { chosen = [User("r"), Assistant("x"), User("s"), Assistant("y")], rejected = [User("r"), Assistant("x"), User("s"), Assistant("z")] });
        set = PreferenceFile.Read(dialogues);
        Assert.Equal("trl-implicit", set.Format);
        Assert.Equal([new Message("user", "r"), new Message("assistant", "x"), new Message("user", "s")], set.Items[1].Prompt);
        Assert.Equal([new Message("assistant", "z")], set.Items[1].Rejected[0]);

        string lists = await Parquet("lists.parquet",
            new ListRow { prompt = "q", chosen = ["a"], rejected = ["b", "c"], subset = "Math", id = "1" },
            new ListRow { prompt = "r", chosen = ["d", "e"], rejected = ["f"], subset = "Ties", id = "tied:1" });
        set = PreferenceFile.Read(lists);
        Assert.Equal("rewardbench-2", set.Format);
        Assert.Equal(["d", "e"], set.Items[1].Chosen.Select(answer => answer[0].Content));
        Assert.Equal(["b", "c"], set.Items[0].Rejected.Select(answer => answer[0].Content));

        string targets = await Parquet("targets.parquet",
            new TargetRow { question = "q", mc1_targets = new() { choices = ["T", "F"], labels = [1, 0] } },
            new TargetRow { question = "r", mc1_targets = new() { choices = ["F1", "T", "F2"], labels = [0, 1, 0] } });
        set = PreferenceFile.Read(targets);
        Assert.Equal("truthfulqa-mc", set.Format);
        Assert.Equal(["F1", "F2"], set.Items[1].Rejected.Select(answer => answer[0].Content));
    }

    [Fact]
    public async Task Parquet_nulls_and_empty_lists_keep_the_rows_apart()
    {
        string path = await Parquet("holes.parquet",
            new DialogueRow { chosen = null, rejected = [] },
            new DialogueRow { chosen = [], rejected = [Assistant("b")] },
            new DialogueRow { chosen = [User("q"), Assistant("a")], rejected = [User("q"), Assistant("b")] });
        Refuses(path, "row 1: ", new() { Format = "trl-implicit" });
        PreferenceSet set = PreferenceFile.Read(path, new() { Format = "trl-implicit", SkipBad = true });
        Assert.Equal((2L, 3L), (set.Skipped.Count, Assert.Single(set.Items).Line));
        Assert.Equal("a", set.Items[0].Chosen[0][0].Content);
    }

    [Fact]
    public async Task Refuses_parquet_that_is_cut_or_scrambled()
    {
        byte[] whole = File.ReadAllBytes(await Parquet("whole.parquet", [.. Enumerable.Range(0, 50).Select(i => new TextRow { prompt = $"q{i}", chosen = "a", rejected = "b" })]));
        for (int length = 4; length < whole.Length; length += 37) Refuses(_folder.File("cut.parquet", whole[..length]), "");
        var random = new Random(5);
        for (int trial = 0; trial < 200; trial++)
        {
            byte[] bytes = [.. whole];
            for (int i = 0; i < 3; i++) bytes[random.Next(4, bytes.Length)] = (byte)random.Next(256);
            // Damage may hit text only; then the file still reads. No other exception may come out.
            try { PreferenceFile.Read(_folder.File("scrambled.parquet", bytes)); }
            catch (DataFormatException) { }
        }
    }

    private static void Refuses(string path, string problem, PreferenceReadOptions? options = null)
        => Assert.Contains(problem, Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, options)).Message);

    private async Task<string> Parquet<T>(string name, params T[] rows)
    {
        var bytes = new MemoryStream();
        await ParquetSerializer.SerializeAsync(rows, bytes, cancellationToken: TestContext.Current.CancellationToken);
        return _folder.File(name, bytes.ToArray());
    }

    private static MessageRow User(string text) => new() { role = "user", content = text };

    private static MessageRow Assistant(string text) => new() { role = "assistant", content = text };

    // Property names are the columns' names.
#pragma warning disable IDE1006
    private sealed class TextRow
    {
        public string? prompt { get; set; }
        public string? chosen { get; set; }
        public string? rejected { get; set; }
        public string? subset { get; set; }
        public double margin { get; set; } = double.NaN;
        public DateTime made { get; set; } = DateTime.UnixEpoch;
    }

    private sealed class MessageRow
    {
        public string? role { get; set; }
        public string? content { get; set; }
    }

    private sealed class DialogueRow
    {
        public List<MessageRow>? chosen { get; set; }
        public List<MessageRow>? rejected { get; set; }
    }

    private sealed class ListRow
    {
        public string? prompt { get; set; }
        public List<string>? chosen { get; set; }
        public List<string>? rejected { get; set; }
        public string? subset { get; set; }
        public string? id { get; set; }
    }

    private sealed class Targets
    {
        public List<string>? choices { get; set; }
        public List<int>? labels { get; set; }
    }

    private sealed class TargetRow
    {
        public string? question { get; set; }
        public Targets? mc1_targets { get; set; }
    }
}
