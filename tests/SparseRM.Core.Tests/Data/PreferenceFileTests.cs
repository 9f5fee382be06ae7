using System.Security.Cryptography;
using System.Text;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

public sealed class PreferenceFileTests : IDisposable
{
    private const string Good = """{"prompt":"q","chosen":"a","rejected":"b"}""";
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Names_line_812_of_malformed_json()
    {
        string[] lines = [.. Enumerable.Repeat(Good, 1000)];
        lines[811] = """{"prompt":"q","chosen":"a",rejected""";
        string path = _folder.File("pairs.jsonl", string.Join('\n', lines));

        var error = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path));
        Assert.Equal(812, error.Line);
        Assert.Equal($"{path}, line 812: is not valid JSON at byte 28", error.Message);

        PreferenceSet set = PreferenceFile.Read(path, new() { SkipBad = true });
        Assert.Equal((999, 1L), (set.Items.Count, set.Skipped.Count));
        Assert.Equal(error.Message, Assert.Single(set.Skipped.FirstReasons));
        Assert.Equal(813, set.Items[811].Line);
    }

    [Fact]
    public void A_stream_gives_each_item_as_it_is_asked_for()
    {
        string path = _folder.File("pairs.jsonl", string.Join('\n', Good, "{", Good, "{"));
        Assert.Equal(1, PreferenceFile.Stream(path).First().Line);
        Assert.Equal(2, Assert.Throws<DataFormatException>(() => PreferenceFile.Stream(path).Count()).Line);
        var skipped = new List<long>();
        Assert.Equal([1L, 3], PreferenceFile.Stream(path, new() { SkipBad = true }, error => skipped.Add(error.Line)).Select(item => item.Line));
        Assert.Equal([2L, 4], skipped);
        Assert.Equal([1L, 3], PreferenceFile.Stream(path, new() { SkipBad = true, Limit = 2 }).Select(item => item.Line));
    }

    [Theory]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"a"}""", "the chosen and the rejected answer are equal")]
    [InlineData("""{"prompt":" ","chosen":"a","rejected":"b"}""", "the prompt is empty")]
    [InlineData("""{"prompt":[],"chosen":"a","rejected":"b"}""", "the prompt is empty")]
    [InlineData("""{"prompt":"q","chosen":"","rejected":"b"}""", "the chosen answer is empty")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"\n"}""", "the rejected answer is empty")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":[]}""", "the rejected answer is empty")]
    [InlineData("""{"prompt":"q","chosen":"a\ud800","rejected":"b"}""", "field 'chosen' holds a lone surrogate, which is not text")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"b","\udc00":1}""", "a field's name holds a lone surrogate, which is not text")]
    [InlineData("""{"prompt":"q","chosen":"a"}""", "field 'rejected' is missing")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":null}""", "field 'rejected' is missing")]
    [InlineData("""{"prompt":"q","chosen":3,"rejected":"b"}""", "field 'chosen' must be text or a list of messages, found the number 3")]
    [InlineData("""{"prompt":"q","chosen":["a"],"rejected":"b"}""", "field 'chosen[0]' must be a message with role and content, found text")]
    [InlineData("""{"prompt":"q","chosen":[{"role":"assistant"}],"rejected":"b"}""", "field 'chosen[0].content' is missing")]
    [InlineData("""{"prompt":"q","chosen":[{"role":"assistant","content":null}],"rejected":"b"}""", "field 'chosen[0].content' must be text, found null")]
    [InlineData("""{"prompt":"q","chosen":[{"role":"","content":"c"}],"rejected":"b"}""", "field 'chosen[0].role' is empty")]
    [InlineData("""{"prompt":"q","prompt":"r","chosen":"a","rejected":"b"}""", "is not valid JSON: a field occurs twice")]
    [InlineData("""["q","a","b"]""", "expected a JSON object, found a list")]
    [InlineData("null", "expected a JSON object, found null")]
    public void Refuses_a_bad_row_by_line_or_skips_it(string line, string problem)
    {
        string path = _folder.File("pairs.jsonl", $"{Good}\n\n{line}\n{Good}\n");
        Assert.Equal($"{path}, line 3: {problem}", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
        PreferenceSet set = PreferenceFile.Read(path, new() { SkipBad = true });
        Assert.Equal((2, 1L), (set.Items.Count, set.Skipped.Count));
    }

    [Fact]
    public void Refuses_bytes_that_are_not_utf8_and_deep_nesting_by_line()
    {
        byte[] latin1 = [.. Encoding.UTF8.GetBytes(Good + "\n"), .. Encoding.Latin1.GetBytes("""{"prompt":"é","chosen":"a","rejected":"b"}""")];
        Assert.EndsWith("line 2: is not UTF-8 text", Refusal("latin.jsonl", latin1));
        Assert.Contains("line 1: is not valid JSON", Refusal("deep.jsonl", Encoding.UTF8.GetBytes(new string('[', 100_000))));
        Assert.Contains("line 1: is not valid JSON", Refusal("deep2.jsonl", Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 100_000))));
    }

    [Fact]
    public void Refuses_files_as_a_whole_in_one_sentence()
    {
        Assert.EndsWith(": is empty", Refusal("empty.jsonl", []));
        Assert.EndsWith(": is empty", Refusal("blank.json", " \n\n"u8.ToArray()));
        Assert.EndsWith(": holds no rows", Refusal("none.json", "[]"u8.ToArray()));
        Assert.EndsWith(": holds no rows", Refusal("header.csv", "prompt,chosen,rejected\n"u8.ToArray()));
        Assert.Contains("expected a JSON array of rows", Refusal("object.json", "{\n\"a\": 1\n}"u8.ToArray()));
        Assert.Contains("does not begin with PAR1", Refusal("x.parquet", "hello"u8.ToArray()));
        Assert.Contains("is not a whole, readable parquet file", Refusal("cut.parquet", "PAR1 and then nothing of use"u8.ToArray()));
        Assert.EndsWith(": no such file", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(Path.Combine(_folder.Root, "missing"))).Message);
        Assert.Contains("is a folder with", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.Root)).Message);
    }

    [Fact]
    public void Lists_the_columns_found_and_the_formats_known()
    {
        string message = Refusal("odd.jsonl", """{"foo":1,"bar":2}"""u8.ToArray());
        Assert.Contains("has the columns foo, bar, which no known format has; supported: ", message);
        foreach (string format in PreferenceFile.FormatNames) Assert.Contains(format, message);
        Assert.InRange(message.Length, 0, 900);
    }

    [Fact]
    public void The_first_of_the_skipped_rows_is_the_first_in_the_file()
    {
        DataFormatException At(long line) => new("a.jsonl", line, "is odd");
        SkippedRows skipped = new SkippedRows(0, []).And([At(3), At(7)]).And([At(9), At(2)]).And([At(11), At(12)]);
        Assert.Equal(6, skipped.Count);
        Assert.Equal(["a.jsonl, line 2: is odd", "a.jsonl, line 3: is odd", "a.jsonl, line 7: is odd", "a.jsonl, line 9: is odd", "a.jsonl, line 11: is odd"], skipped.FirstReasons);
    }

    [Theory]
    [InlineData("""{"context":"q","response1":"a","response2":"b"}""", "helpsteer (")]
    [InlineData("""{"question":"q","response_A":"a","response_B":"b"}""", "judgebench (")]
    [InlineData("""{"prompt":"q","chosen":"a"}""", "trl-explicit (")]
    public void Names_the_nearest_formats_with_their_columns(string line, string format)
        => Assert.Contains(format, Refusal("odd.jsonl", System.Text.Encoding.UTF8.GetBytes(line)));

    [Theory]
    [InlineData("\"image\":\"x.png\"", "has 'image' beside its text; only text can be scored")]
    [InlineData("\"images\":[{\"bytes\":\"x\",\"path\":null}]", "has 'images' beside its text; only text can be scored")]
    public void A_row_with_pictures_is_refused_and_one_with_none_is_read(string field, string problem)
    {
        const string row = """{"prompt":"q","chosen":"a","rejected":"b",""";
        Assert.Contains(problem, Refusal("a.jsonl", System.Text.Encoding.UTF8.GetBytes(row + field + "}")));
        Assert.Single(PreferenceFile.Read(_folder.File("b.jsonl", row + "\"images\":[],\"image\":null,\"video\":\"\"}")).Items);
    }

    [Fact]
    public void A_format_by_name_is_not_guessed_again()
    {
        string path = _folder.File("pairs.jsonl", """{"chosen":"a","rejected":"b"}""");
        Assert.Equal("trl-implicit", PreferenceFile.Read(path, new() { Format = "trl-implicit" }).Format);
        Assert.Contains("field 'prompt' is missing", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { Format = "trl-explicit" })).Message);
        path = _folder.File("pairs.jsonl", Good);
        Assert.Contains("has a column that may hold the prompt", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { Format = "trl-implicit" })).Message);
        Assert.Contains("field 'mc1_targets' is missing", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { Format = "truthfulqa-mc" })).Message);
        Assert.Contains("unknown data format 'x'; known: truthfulqa-csv", Assert.Throws<ArgumentException>(() => PreferenceFile.Read(path, new() { Format = "x" })).Message);
        Assert.Throws<ArgumentException>(() => PreferenceFile.Read(path, new() { Limit = 0 }));
    }

    [Fact]
    public void Says_so_when_every_row_is_bad()
    {
        string path = _folder.File("pairs.jsonl", "{\n{\n");
        string message = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { SkipBad = true })).Message;
        Assert.Contains("none of its 2 rows is usable; the first says: ", message);
    }

    [Theory]
    [InlineData("""{"prompt":null,"chosen":"a","rejected":"b"}""")]
    [InlineData("""{"other":1}""")]
    [InlineData("{not json")]
    public void A_bad_first_row_does_not_say_what_the_others_are(string first)
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File("pairs.jsonl", $"{first}\n{Good}\n{Good}"), new() { SkipBad = true });
        Assert.Equal((2, 1L, "trl-explicit"), (set.Items.Count, set.Skipped.Count, set.Format));
    }

    [Fact]
    public void A_bad_completion_does_not_cost_the_others_of_its_prompt()
    {
        string path = _folder.File("pairs.csv", "prompt,completion,label\nq,a,1\nq,,0\nq,b,0\n");
        PreferenceSet set = PreferenceFile.Read(path, new() { SkipBad = true });
        Assert.Equal((1, 1L, "b"), (set.Items.Count, set.Skipped.Count, Assert.Single(set.Items[0].Rejected)[0].Content));
        Assert.Contains("line 3: the completion is empty", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
    }

    [Fact]
    public void Stops_at_the_limit_before_a_bad_line()
    {
        string path = _folder.File("pairs.jsonl", $"{Good}\n{Good}\nnot json");
        Assert.Equal(2, PreferenceFile.Read(path, new() { Limit = 2 }).Items.Count);
    }

    [Fact]
    public void Hashes_the_bytes_as_they_lie()
    {
        byte[] packed = DataFolder.Gzip(Good);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(packed)), PreferenceFile.Read(_folder.File("a.jsonl.gz", packed)).DataHash);
    }

    private string Refusal(string name, byte[] bytes)
    {
        string path = _folder.File(name, bytes);
        return Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message;
    }
}
