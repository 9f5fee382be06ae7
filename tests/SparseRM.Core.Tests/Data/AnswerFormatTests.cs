using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>Formats in which something other than the columns' names says which answer is preferred.</summary>
public sealed class AnswerFormatTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("helpsteer", """{"domain":"d","context":[{"role":"user","content":"q"}],"response1":"a","response2":"b","overall_preference":-3}""")]
    [InlineData("helpsteer", """{"domain":"d","context":[{"role":"user","content":"q"}],"response1":"b","response2":"a","overall_preference":1}""")]
    [InlineData("helpsteer", """{"prompt":"q","response_1":"a","response_2":"b","preference_strength":-1}""")]
    [InlineData("helpsteer", """{"prompt":"q","response_1":"b","response_2":"a","preference_strength":2}""")]
    [InlineData("judgebench", """{"question":"q","response_A":"a","response_B":"b","label":"A>B"}""")]
    [InlineData("judgebench", """{"question":"q","response_A":"b","response_B":"a","label":"B>A"}""")]
    [InlineData("se-paired", """{"qid":1,"question":"q","response_j":"a","response_k":"b"}""")]
    [InlineData("shp", """{"history":"q","human_ref_A":"a","human_ref_B":"b","labels":1}""")]
    [InlineData("shp", """{"history":"q","human_ref_A":"b","human_ref_B":"a","labels":0}""")]
    [InlineData("arena", """{"conversation_a":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}],"conversation_b":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"winner":"model_b"}""")]
    [InlineData("alpaca", """{"instruction":"q","input":"","output":["a","b"]}""")]
    [InlineData("response-pair", """{"prompt":"q","response":["a","b"]}""")]
    [InlineData("openai-preference", """{"input":{"messages":[{"role":"user","content":"q"}],"tools":[],"parallel_tool_calls":true},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""")]
    [InlineData("ranked", """{"instruction":"q","models":["x","y"],"completions":[{"response":"b","overall_score":4.5,"annotations":{}},{"response":"a","overall_score":8}]}""")]
    [InlineData("ranked", """{"prompt":"q","completions":["b","a"],"ranks":[2,1]}""")]
    [InlineData("ranked", """{"prompt":"q","responses":["b","a"],"scores":[0.1,0.7]}""")]
    [InlineData("ranked", """{"prompt":"\n\nHuman: q\n\nAssistant: ","answers":[{"answer":"b","rank":4.0},{"answer":"a","rank":1.0}],"turns":1}""")]
    [InlineData("trl-explicit", """{"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}""")]
    [InlineData("trl-explicit", """{"prompt":"q","chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b"}""")]
    [InlineData("hh-rlhf", """{"chosen":"Human:q\n\nAssistant:a","rejected":"Human:q\n\nAssistant:b"}""")]
    public void Prefers_the_right_answer(string format, string line)
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File("pairs.jsonl", line));
        Assert.Equal(format, set.Format);
        PreferenceItem item = Assert.Single(set.Items);
        Assert.Equal([new Message("user", "q")], item.Prompt);
        Assert.Equal([new Message("assistant", "a")], Assert.Single(item.Chosen));
        Assert.Equal([new Message("assistant", "b")], Assert.Single(item.Rejected));
    }

    [Fact]
    public void Prefers_the_best_of_many_and_each_of_those_that_share_the_best_rank()
    {
        PreferenceItem item = PreferenceFile.Read(_folder.File("a.jsonl", """{"prompt":"q","completions":["c","a","b","d"],"ranks":[2,1,1,3]}""")).Items[0];
        Assert.Equal(["a", "b"], Texts(item.Chosen));
        Assert.Equal(["c", "d"], Texts(item.Rejected));
        item = PreferenceFile.Read(_folder.File("b.jsonl", """{"prompt":"q","chosen":["a","b","c"],"rejected":["x","y","z"],"domain":"math"}""")).Items[0];
        Assert.Equal(["a", "b", "c"], Texts(item.Chosen));
        Assert.Equal(["x", "y", "z"], Texts(item.Rejected));
        Assert.Equal("math", item.Subset);
    }

    [Fact]
    public void Tools_of_openais_input_reach_the_template()
        => Assert.Equal("""{"tools":[{"type":"function"}]}""", PreferenceFile.Read(_folder.File("a.jsonl",
            """{"input":{"messages":[{"role":"user","content":"q"}],"tools":[{"type":"function"}]},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}"""))
            .Items[0].Arguments!.Value.GetRawText());

    [Theory]
    [InlineData("""{"context":"q","response1":"a","response2":"b","overall_preference":0}""", "field 'overall_preference' says that neither answer is preferred")]
    [InlineData("""{"context":"q","response1":"a","response2":"b","overall_preference":7}""", "must be a number from -3 to 3, found the number 7")]
    [InlineData("""{"question":"q","response_A":"a","response_B":"b","label":"A=B"}""", "field 'label' says that neither")]
    [InlineData("""{"question":"q","response_A":"a","response_B":"b","label":"A"}""", "field 'label' must be A>B or B>A, found 'A'")]
    [InlineData("""{"instruction":"q","output":["a","b","c"]}""", "field 'output' must hold two answers, the preferred one first, found 3")]
    [InlineData("""{"prompt":"q","completions":["a","b"],"ranks":[2,1],"scores":[0.9,0.1]}""", "'ranks' (1 is best) and 'scores' (more is better) prefer other answers")]
    [InlineData("""{"prompt":"q","answers":[{"answer":"a","rank":1},{"answer":"b","rank":2}],"scores":[1,2]}""", "'rank' (1 is best) and 'scores' (more is better) prefer other answers")]
    [InlineData("""{"prompt":"q","completions":["a","b"],"ranks":[1]}""", "'completions' has 2 answers and 'ranks' 1 values")]
    [InlineData("""{"prompt":"q","completions":["a","b"],"scores":[1,1]}""", "every answer has the same scores")]
    [InlineData("""{"prompt":"q","completions":["a","b"],"scores":[1,null]}""", "field 'scores[1]' must be a number, found null")]
    [InlineData("""{"question":"q","context":"c","response_j":"a","response_k":"b"}""", "has both 'question' and 'context'")]
    public void Refuses_rows_without_a_verdict_or_with_a_doubtful_prompt(string line, string problem)
    {
        var error = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.File("a.jsonl", line)));
        Assert.Equal(1, error.Line);
        Assert.Contains(problem, error.Message);
    }

    [Fact]
    public void A_list_of_responses_without_a_verdict_is_no_format()
        => Assert.Contains("which no known format has", Assert.Throws<DataFormatException>(
            () => PreferenceFile.Read(_folder.File("a.jsonl", """{"prompt":"q","responses":["a","b"]}"""))).Message);

    private static string[] Texts(IReadOnlyList<IReadOnlyList<Message>> answers) => [.. answers.Select(answer => answer[0].Content!)];
}
