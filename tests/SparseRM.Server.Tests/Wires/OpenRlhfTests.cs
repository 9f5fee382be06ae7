using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>What OpenRLHF 0.11 posts (openrlhf/utils/agent.py), and what its stock server (openrlhf/cli/serve_rm.py) answers.</summary>
public class OpenRlhfTests(Rewards rewards)
{
    [Fact]
    public async Task A_sample_a_post_as_its_rollouts_send_it()
    {
        string query = rewards.Rendered("What is 2 + 2?", "4");
        string body = $$"""{"query": [{{JsonSerializer.Serialize(query)}}], "prompts": ["What is 2 + 2?"], "labels": [null]}""";
        var answer = (await rewards.Server.Post("/get_reward", body)).Ok;
        JsonAssert.Members(answer, "rewards", "scores", "extra_logs");
        JsonAssert.Score(rewards.Scorer.Score("What is 2 + 2?", "4"), Assert.Single(answer.GetProperty("rewards").EnumerateArray().ToArray()));
        JsonAssert.Score(rewards.Scorer.Score("What is 2 + 2?", "4"), answer.GetProperty("scores")[0]);
        // Every value of extra_logs is a list of numbers, one a sample.
        Assert.All(answer.GetProperty("extra_logs").EnumerateObject(), log => Assert.Equal(JsonValueKind.Number, Assert.Single(log.Value.EnumerateArray().ToArray()).ValueKind));
    }

    [Fact]
    public async Task Empty_lists_are_answered_with_empty_lists()
    {
        var answer = (await rewards.Server.Post("/get_reward", """{"query": [], "prompts": [], "labels": []}""")).Ok;
        Assert.Equal(0, answer.GetProperty("rewards").GetArrayLength());
        Assert.Equal(0, answer.GetProperty("scores").GetArrayLength());
    }

    [Theory]
    [InlineData("""{"prompts": ["a"]}""", 400, "query is missing")]
    [InlineData("""{"query": ["a", "b"], "prompts": ["a"], "labels": [null, null]}""", 400, "prompts has 1 entries and query 2; give one for each text, or leave it out")]
    [InlineData("""{"query": ["a", "b"], "prompts": ["a", "b"], "labels": [null]}""", 400, "labels has 1 entries and query 2")]
    [InlineData("""{"query": [1]}""", 400, "query[0] is 1, expected a string")]
    [InlineData("""{"query": ["\ud800"]}""", 400, "query[0] is not text: it holds half of a surrogate pair, or bytes that are not UTF-8")]
    [InlineData("""{"query": [""", 400, "the body is not valid JSON")]
    [InlineData("""[1]""", 400, "the body is a list, expected a JSON object")]
    public async Task A_refusal_is_a_detail(string body, int status, string detail)
    {
        var answer = (await rewards.Server.Post("/get_reward", body)).Refused(status);
        JsonAssert.Members(answer, "detail");
        Assert.StartsWith(detail, answer.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task One_bad_text_of_several_gives_no_rewards_at_all()
    {
        string good = JsonSerializer.Serialize(rewards.Rendered("Hi", "Ho"));
        var answer = (await rewards.Server.Post("/get_reward", $$"""{"query": [{{good}}, "\udc00"], "prompts": ["", ""], "labels": [null, null]}""")).Refused(400);
        Assert.False(answer.TryGetProperty("rewards", out _));
    }
}
