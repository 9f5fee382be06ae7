using System.Text;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Research.Alignment;

namespace SparseRM.Research.Tests;

public sealed class AlignmentTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Lines(params string[] lines)
    {
        string path = _folder.File($"{Guid.NewGuid():N}.jsonl");
        File.WriteAllLines(path, lines);
        return path;
    }

    private static (PairCounts Counts, JsonElement[] Rows) Pairs(string path, double margin = 0)
    {
        using var stream = new MemoryStream();
        return (PairMaker.Write(path, margin, stream), Parse(stream));
    }

    private static JsonElement[] Parse(MemoryStream stream) =>
        [.. Encoding.UTF8.GetString(stream.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    [Fact]
    public void The_best_stands_against_the_worst_and_ties_thin_margins_and_single_answers_are_counted()
    {
        string path = Lines(
            """{"prompt": "2 + 2?", "responses": ["5", "4", "six", "four"], "scores": [-1, 2.5, -3, 2.5]}""",
            """{"prompt": "tie?", "responses": ["a", "b"], "scores": [1, 1]}""",
            """{"prompt": "thin?", "responses": ["a", "b"], "scores": [1, 1.25]}""",
            """{"prompt": "one?", "responses": ["a"], "scores": [1]}""",
            """{"prompt": "half?", "responses": ["a", "b"], "scores": [1, null], "error": "too long"}""",
            // Neighbouring lines of one prompt are one group, and its id is one that they share.
            """{"id": 7, "prompt": "lines?", "response": "low", "score": -1}""",
            """{"id": 7, "prompt": "lines?", "response": "high", "score": 0}""",
            """{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "x"}], "score": 4}""",
            """{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "y"}], "score": 9}""",
            """{"prompt": "", "response": "", "score": null, "error": "line 10: field 'prompt' is empty"}""");
        var (counts, rows) = Pairs(path, 0.5);
        Assert.Equal(new PairCounts(7, 3, Ties: 1, Thin: 1, Single: 2, Unscored: 2, MeanMargin: (5.5 + 1 + 5) / 3), counts);
        Assert.Equal("""[{"role":"user","content":"2 + 2?"}]""", rows[0].GetProperty("prompt").GetRawText());
        Assert.Equal("""[{"role":"assistant","content":"4"}]""", rows[0].GetProperty("chosen").GetRawText());
        Assert.Equal("""[{"role":"assistant","content":"six"}]""", rows[0].GetProperty("rejected").GetRawText());
        Assert.Equal(("7", 0, -1), (rows[1].GetProperty("id").GetString(), rows[1].GetProperty("score_chosen").GetDouble(), rows[1].GetProperty("score_rejected").GetDouble()));
        Assert.Equal("""[{"role":"system","content":"s"},{"role":"user","content":"u"}]""", rows[2].GetProperty("prompt").GetRawText());
    }

    [Fact]
    public void Rows_come_back_from_the_reader_of_preference_data_with_all_that_changes_a_score()
    {
        string path = Lines(
            """{"prompt": [{"role": "user", "content": "<b>\u00e9\u2028</b>"}], "system": "be kind", "tools": [{"name": "f"}], "chat_template_kwargs": {"thinking": true}, "responses": [[{"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}, {"role": "tool", "content": "5"}, {"role": "assistant", "content": "five"}], "six"], "scores": [2, 1]}""");
        using var stream = new MemoryStream();
        PairMaker.Write(path, 0, stream);
        string written = _folder.File("pairs.jsonl");
        File.WriteAllBytes(written, stream.ToArray());
        var set = PreferenceFile.Read(written);
        var (item, source) = (Assert.Single(set.Items), Assert.IsType<AnswersInput>(ScoreInputFile.Read(path).Single()));
        Assert.Equal("trl-explicit", set.Format);
        Assert.Equal(source.Prompt, item.Prompt);
        Assert.Equal(source.Responses[0], Assert.Single(item.Chosen));
        Assert.Equal(source.Responses[1], Assert.Single(item.Rejected));
        Assert.Equal(source.Arguments, item.Arguments);
        Assert.NotNull(item.Arguments);
    }

    [Fact]
    public void The_best_of_n_is_kept_with_its_score()
    {
        string path = Lines(
            """{"prompt": "a", "responses": ["x", "y", "z"], "scores": [1, 4, 4]}""", """{"prompt": "b", "responses": ["w"], "scores": [-1]}""", """{"prompt": "c", "responses": ["v"], "scores": [null]}""");
        using var stream = new MemoryStream();
        Assert.Equal(new BestCounts(3, 2, 4, Ties: 1, Single: 1, Unscored: 1, MeanScore: 2, MeanBest: 1.5), BestOf.Write(path, stream));
        Assert.Equal("""{"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"y"}],"score":4}""", Parse(stream)[0].GetRawText());
    }

    [Theory]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"]}""", "line 1", "no field 'scores'", "sparserm score")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [1]}""", "line 1", "1 scores for 2 answers")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [1, "2"]}""", "line 1", "'scores[1]' is no score")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [1, 1e39]}""", "line 1", "'scores[1]' is no score")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [1, 1]}""", "all 2 scores are 1")]
    [InlineData("""{"prompt": "a", "responses": ["x"], "scores": [1]}""", "none of its 1 prompts has two scored answers", "neighbouring lines")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [null, null]}""", "none of its answers has a score")]
    [InlineData("""{"text": "<bos>a", "score": 1}""", "line 1", "where the answer begins")]
    [InlineData("""{"messages": [{"role": "assistant", "content": "a"}], "score": 1}""", "line 1", "no user turn")]
    [InlineData("""{"prompt": "a", "responses": ["x", "y"], "scores": [1, 2]""", "line 1", "not valid JSON")]
    public void What_no_pair_can_be_made_of_is_one_sentence(string line, params string[] parts) => World.Refuses(() => Pairs(Lines(line)), parts);

    [Fact]
    public void Scores_that_are_all_equal_and_margins_that_are_all_thin_are_refused()
    {
        string[] constant = [.. Enumerable.Range(0, 3).Select(i => $$"""{"prompt": "{{i}}", "responses": ["x", "y"], "scores": [0.5, 0.5]}""")];
        World.Refuses(() => BestOf.Write(Lines(constant), Stream.Null), "all 6 scores are 0.5");
        World.Refuses(() => Pairs(Lines(constant)), "all 6 scores are 0.5");
        World.Refuses(() => Pairs(Lines("""{"prompt": "a", "responses": ["x", "y"], "scores": [1, 2]}""", """{"prompt": "b", "responses": ["x", "y"], "scores": [2, 2]}"""), 3),
            "no pair is left: of 2 prompts 1 are ties, 1 have a lead below 3");
        World.Refuses(() => BestOf.Write(Lines("""{"prompt": "a", "response": "x", "score": 1}""", """{"prompt": "b", "response": "x", "score": 2}"""), Stream.Null), "none of its 2 prompts");
    }
}
