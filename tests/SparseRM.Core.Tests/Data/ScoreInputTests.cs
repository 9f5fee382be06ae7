using System.Globalization;
using System.Text;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class ScoreInputTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_every_kind_of_line()
    {
        string path = _folder.File("in.jsonl", """
            {"prompt":"q","response":"a"}
            {"prompt":[{"role":"user","content":"q"}],"responses":["a",[{"role":"assistant","content":"b"}]],"id":4}

            {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}
            {"text":"<bos>x"}
            {"ids":[0,5,2147483647]}
            """);
        ScoreInput[] inputs = [.. ScoreInputFile.Read(path)];
        Assert.Equal([1, 2, 4, 5, 6], inputs.Select(input => input.Line));
        var answer = Assert.IsType<AnswerInput>(inputs[0]);
        Assert.Equal([new Message("user", "q")], answer.Prompt);
        Assert.Equal([new Message("assistant", "a")], answer.Response);
        var answers = Assert.IsType<AnswersInput>(inputs[1]);
        Assert.Equal(["a", "b"], answers.Responses.Select(response => response[0].Content));
        Assert.Equal(2, Assert.IsType<DialogueInput>(inputs[2]).Messages.Count);
        Assert.Equal("<bos>x", Assert.IsType<TextInput>(inputs[3]).Text);
        Assert.Equal([0, 5, int.MaxValue], Assert.IsType<IdsInput>(inputs[4]).Ids);
    }

    [Theory]
    [InlineData("""{"text":"x","ids":[1]}""", "has both text and ids; keep the one that is meant")]
    [InlineData("""{"text":"x","response":"a"}""", "has both text and response; keep the one that is meant")]
    [InlineData("""{"prompt":"x","response":"a","responses":["b"]}""", "has both response and responses; keep the one that is meant")]
    [InlineData("""{"prompt":"x"}""", "has a prompt without response or responses")]
    [InlineData("""{"id":1}""", "needs one of prompt (with response or responses), messages, text or ids")]
    [InlineData("""{"prompt":"","response":"a"}""", "field 'prompt' is empty")]
    [InlineData("""{"prompt":"q","response":" "}""", "field 'response' is empty")]
    [InlineData("""{"prompt":"q","responses":[]}""", "field 'responses' is an empty list")]
    [InlineData("""{"prompt":"q","responses":["a",""]}""", "field 'responses[1]' is empty")]
    [InlineData("""{"prompt":"q","responses":"a"}""", "field 'responses' must be a list, found text")]
    [InlineData("""{"messages":[]}""", "field 'messages' is empty")]
    [InlineData("""{"text":""}""", "field 'text' is empty")]
    [InlineData("""{"text":"\udc00"}""", "field 'text' holds a lone surrogate, which is not text")]
    [InlineData("""{"ids":[]}""", "field 'ids' is an empty list")]
    [InlineData("""{"ids":[1,-1]}""", "field 'ids[1]' must be a whole number from 0 to 2147483647, found the number -1")]
    [InlineData("""{"ids":[2147483648]}""", "field 'ids[0]' must be a whole number from 0 to 2147483647, found the number 2147483648")]
    [InlineData("""{"ids":[1.5]}""", "field 'ids[0]' must be a whole number from 0 to 2147483647, found the number 1.5")]
    [InlineData("""{"ids":["1"]}""", "field 'ids[0]' must be a whole number from 0 to 2147483647, found text")]
    [InlineData("""{"text":"x" """, "is not valid JSON at byte 12")]
    public void Refuses_a_bad_line_after_giving_the_good_ones_before_it(string line, string problem)
    {
        string path = _folder.File("in.jsonl", "{\"text\":\"x\"}\n" + line);
        using IEnumerator<ScoreInput> inputs = ScoreInputFile.Read(path).GetEnumerator();
        Assert.True(inputs.MoveNext());
        Assert.Equal($"{path}, line 2: {problem}", Assert.Throws<DataFormatException>(() => { inputs.MoveNext(); }).Message);
    }

    [Fact]
    public void Refuses_an_empty_and_a_missing_file()
    {
        Assert.EndsWith("holds no lines", Assert.Throws<DataFormatException>(() => ScoreInputFile.Read(_folder.File("e", "\n")).Count()).Message);
        Assert.EndsWith("no such file", Assert.Throws<DataFormatException>(() => ScoreInputFile.Read(Path.Combine(_folder.Root, "no")).Count()).Message);
    }

    [Theory]
    [InlineData("""{ "id": 1.50, "text": "\u00e9é\ud83d\ude00", "extra": {"b": [1,  2], "s": "\ud800"}}""", 0.1f,
        """{"id": 1.50, "text": "\u00e9é\ud83d\ude00", "extra": {"b": [1,  2], "s": "\ud800"}, "score": 0.1}""")]
    [InlineData("""{"score": 3, "text": "x"}""", -1e-9f, """{"text": "x", "score": -1E-09}""")]
    public void Writes_the_same_line_with_the_score_added(string line, float score, string expected)
        => Assert.Equal(expected + "\n", Written(line, (output, input) => ScoreOutput.WriteWith(output, input, "score", score)));

    [Fact]
    public void Writes_scores_that_read_back_as_the_same_float()
    {
        float[] scores = [1f / 3, float.MaxValue, float.Epsilon, -0f, 16777217f];
        string line = Written("""{"prompt":"q","responses":["a"]}""", (output, input) => ScoreOutput.WriteWith(output, input, "scores", scores));
        using var json = System.Text.Json.JsonDocument.Parse(line);
        Assert.Equal(scores, json.RootElement.GetProperty("scores").EnumerateArray().Select(score => float.Parse(score.GetRawText(), CultureInfo.InvariantCulture)));
        Assert.Contains("[0.33333334, ", line);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Refuses_to_write_what_json_cannot_say(float score)
        => Assert.Throws<ArgumentException>(() => Written("""{"text":"x"}""", (output, input) => ScoreOutput.WriteWith(output, input, "score", score)));

    private string Written(string line, Action<Stream, ScoreInput> write)
    {
        var output = new MemoryStream();
        write(output, ScoreInputFile.Read(_folder.File("in.jsonl", line)).Single());
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
