using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

/// <summary>Rows in which a second column says which answer is preferred: it must agree, or the row is refused.</summary>
public sealed class VerdictTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"prompt":"q","response":["b","a"],"scores":[1,9]}""")]
    [InlineData("""{"instruction":"q","output":["b","a"],"ranks":[2,1]}""")]
    [InlineData("""{"instruction":"q","output":[{"text":"b","score":1},{"text":"a","score":2}]}""")]
    public void Marks_beside_two_answers_go_before_their_order(string line)
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File("a.jsonl", line));
        Assert.Equal("ranked", set.Format);
        Assert.Equal("a", set.Items[0].Chosen[0][0].Content);
        Assert.Equal("b", set.Items[0].Rejected[0][0].Content);
    }

    [Theory]
    [InlineData("""{"prompt":"q","response":["a","b"],"label":1}""", "'label' may say which answer is preferred")]
    [InlineData("""{"instruction":"q","output":["a","b"],"preference":2}""", "'preference' may say which answer is preferred")]
    [InlineData("""{"instruction":"q","output":["a","b"],"label":"B>A"}""", "'label' prefers another answer than the order of its answers")]
    [InlineData("""{"prompt":"q","completions":["a","b"],"scores":[9,1],"overall_score":[1,2]}""", "'scores' (more is better) and 'overall_score' (more is better) prefer other answers")]
    [InlineData("""{"question":"q","response_j":"a","response_k":"b","score_j":1,"score_k":9}""", "'score_j' and 'score_k' prefer another answer")]
    [InlineData("""{"history":"q","human_ref_A":"a","human_ref_B":"b","labels":1,"score_A":1,"score_B":2}""", "'score_A' and 'score_B' prefer another answer than 'labels'")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"b","chosen_score":1,"rejected_score":9}""", "'chosen_score' is below 'rejected_score'")]
    [InlineData("""{"chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b","score_chosen":1,"score_rejected":2.5}""", "'score_chosen' is below 'score_rejected'")]
    [InlineData("""{"question":"q","response_A":"a","response_B":"b","label":"A>B","winner":"model_b"}""", "'winner' prefers another answer than 'label'")]
    [InlineData("""{"prompt":"q","response1":"a","response2":"b","overall_preference":-2,"preference_strength":1}""", "'preference_strength' prefers another answer than 'overall_preference'")]
    [InlineData("""{"prompt":"q","response_1":"a","response_2":"b","preference_strength":-2,"winner":"model_b"}""", "'winner' prefers another answer than 'preference_strength'")]
    [InlineData("""{"prompt":"q","response_1":"b","response_2":"a","preference_strength":2,"winner":"model_a"}""", "'winner' prefers another answer than 'preference_strength'")]
    public void A_second_verdict_that_contradicts_is_refused_and_may_be_skipped(string line, string problem)
    {
        string path = _folder.File("a.jsonl", line);
        var error = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path));
        Assert.Equal(1, error.Line);
        Assert.Contains(problem, error.Message);
        path = _folder.File("b.jsonl", $$"""{{line}}{{"\n"}}{"prompt":"q","chosen":"a","rejected":"b"}""");
        Assert.Equal(1, PreferenceFile.Read(path, new() { SkipBad = true }).Skipped.Count);
    }

    [Fact]
    public void A_named_format_does_not_pass_over_marks()
        => Assert.Contains("field 'response' has scores or ranks", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(
            _folder.File("a.jsonl", """{"prompt":"q","response":["b","a"],"scores":[1,9]}"""), new() { Format = "response-pair" })).Message);

    [Theory]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"b","chosen_score":9,"rejected_score":9}""")]
    [InlineData("""{"prompt":"q","chosen":"a","rejected":"b","label":0,"winner":"model_b"}""")]
    [InlineData("""{"prompt":"q","response":["a","b"],"label":"math","score":3}""")]
    [InlineData("""{"question":"q","response_A":"b","response_B":"a","label":"B>A","winner":"model_b","score_A":1,"score_B":2}""")]
    [InlineData("""{"prompt":"q","response1":"b","response2":"a","overall_preference":2,"preference_strength":0}""")]
    [InlineData("""{"prompt":"q","completions":[{"response":"a","overall_score":8,"fine-grained_score":3},{"response":"b","overall_score":4,"fine-grained_score":5}]}""")]
    public void A_verdict_that_agrees_ties_or_speaks_of_something_else_is_no_fault(string line)
        => Assert.Equal("a", PreferenceFile.Read(_folder.File("a.jsonl", line)).Items[0].Chosen[0][0].Content);
}
