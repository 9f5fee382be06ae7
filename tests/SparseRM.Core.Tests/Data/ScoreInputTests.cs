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
    [InlineData("""{"ids":[1234567890123456789012345678901]}""", "field 'ids[0]' must be a whole number from 0 to 2147483647, found the number 123456789012345678901234567890...")]
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

    [Theory]
    [InlineData("""{"prompt":"q","response":null}""", "field 'response' must be text, found null")]
    [InlineData("""{"prompt":null,"response":"a"}""", "field 'prompt' must be text, found null")]
    [InlineData("""{"text":null}""", "field 'text' must be text, found null")]
    [InlineData("""{"prompt":"q","response":"a","image":"x.png"}""", "has 'image' beside its text; only text can be scored")]
    [InlineData("""{"prompt":"q","responses":["a",null]}""", "field 'responses[1]' must be text or a list of messages, found null")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null}]}""", "field 'messages[1].content' must be text, found null")]
    [InlineData("""{"messages":[{"role":"user","content":[]},{"role":"assistant","content":"a"}]}""", "field 'messages[0].content' is an empty list, expected text or a list of text parts")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}]}""", "field 'messages' must end with an answer of the assistant, found a message of 'user'")]
    [InlineData("""{"prompt":"q","response":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}""", "field 'response' must end with an answer of the assistant, found a message of 'user'")]
    [InlineData("""{"question":"q","messages":[{"role":"assistant","content":"a"}]}""", "field 'messages' has no user turn and 'question' may be it; put it into the messages")]
    [InlineData("""{"prompt":"q","completion":"a","response":"a"}""", "has both response and completion; keep the one that is meant")]
    [InlineData("""{"prompt":[{"role":"user","content":"q"},{"role":"assistant","content":"It is"}],"response":" so"}""", "field 'prompt' ends with a message of the assistant, to which the answers would be a second one; end it with the user's turn")]
    [InlineData("""{"prompt":"q","context":"c","response":"a"}""", "has both 'prompt' and 'context', either of which may be the prompt; leave out what is not the prompt")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]},{"role":"assistant","content":"a"}]}""", "field 'messages[0].content[0]' is a part of type 'image'; only text can be scored")]
    public void Refuses_what_cannot_be_scored_or_keeps_it_in_its_place(string line, string problem)
    {
        string path = _folder.File("in.jsonl", $$"""{"text":"x"}{{'\n'}}{{line}}{{'\n'}}oops{{'\n'}}{"text":"y"}""");
        var error = Assert.Throws<DataFormatException>(() => ScoreInputFile.Read(path).Count());
        Assert.Equal($"{path}, line 2: {problem}", error.Message);
        ScoreInput[] lines = [.. ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true })];
        Assert.Equal([1, 2, 3, 4], lines.Select(input => input.Line));
        Assert.Equal((error.Message, line), (Assert.IsType<BadInput>(lines[1]).Error.Message, lines[1].Source.GetRawText()));
        Assert.Equal(System.Text.Json.JsonValueKind.Undefined, Assert.IsType<BadInput>(lines[2]).Source.ValueKind);
        Assert.Equal("y", Assert.IsType<TextInput>(lines[3]).Text);
    }

    [Fact]
    public void A_bad_line_is_written_back_with_what_is_said_of_it()
    {
        string path = _folder.File("in.jsonl", "{\"id\": 1, \"text\": \"\"}\noops");
        var output = new MemoryStream();
        foreach (ScoreInput line in ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true }))
            ScoreOutput.WriteWith(output, line, ("score", json => json.WriteNullValue()), ("error", json => json.WriteStringValue("bad")));
        Assert.Equal("{\"id\": 1, \"text\": \"\", \"score\": null, \"error\": \"bad\"}\n{\"score\": null, \"error\": \"bad\"}\n", Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void Trls_names_and_columns_of_the_dialogue_are_read()
    {
        ScoreInput[] lines = [.. ScoreInputFile.Read(_folder.File("in.jsonl", """
            {"prompt":"q","completion":"a"}
            {"prompt":"q","completions":["a",[{"role":"assistant","content":"b"}]]}
            {"system":"s","question":"q","response":"a"}
            {"system":"s","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}
            """))];
        Assert.Equal([new Message("assistant", "a")], Assert.IsType<AnswerInput>(lines[0]).Response);
        Assert.Equal(["a", "b"], Assert.IsType<AnswersInput>(lines[1]).Responses.Select(answer => answer[0].Content));
        Assert.Equal([new Message("system", "s"), new Message("user", "q")], Assert.IsType<AnswerInput>(lines[2]).Prompt);
        Assert.Equal("system", Assert.IsType<DialogueInput>(lines[3]).Messages[0].Role);
    }

    [Fact]
    public async Task A_line_from_a_pipe_is_given_before_the_next_one_is_there()
    {
        var start = new System.Diagnostics.ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment[ClosedInput.Variable] = "1";
        using var process = System.Diagnostics.Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        foreach (int line in (int[])[1, 2])
        {
            await process.StandardInput.WriteLineAsync("{\"text\":\"x\"}");
            await process.StandardInput.FlushAsync(limit.Token);
            Assert.Equal($"TextInput {line}", await process.StandardOutput.ReadLineAsync(limit.Token));
        }
        process.StandardInput.Close();
        await process.WaitForExitAsync(limit.Token);
    }

    [Fact]
    public void Parquet_is_not_reported_as_a_bad_line()
    {
        string path = _folder.File("in.jsonl", "PAR1\u0015\u0004\nPAR1");
        var error = Assert.Throws<DataFormatException>(() => ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true }).ToList());
        Assert.Equal($"{path}: is parquet, expected JSON Lines; convert it, or score it by ranges of rows", error.Message);
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
