using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>An empty answer is scored as the one that it is, on every wire; an answer that is not there is refused.</summary>
public class EmptyAnswerTests(Rewards rewards)
{
    private const string Asked = """{"role": "user", "content": "Q"}""";

    [Theory]
    [InlineData("/v1/rewards", """{"prompt": "Q", "response": ""}""", "results/0/score")]
    [InlineData("/v1/rewards", $$"""{"messages": [{{Asked}}, {"role": "assistant", "content": ""}]}""", "results/0/score")]
    [InlineData("/classify", $$"""{"messages": [{{Asked}}, {"role": "assistant", "content": ""}], "use_activation": false}""", "data/0/probs/0")]
    [InlineData("/score", """{"queries": "Q", "documents": "", "use_activation": false}""", "data/0/score")]
    [InlineData("/rerank", """{"query": "Q", "documents": [""], "use_activation": false}""", "results/0/relevance_score")]
    [InlineData("/rerank", """{"query": "Q", "texts": [""], "raw_scores": true}""", "0/score")]
    [InlineData("/judge", $$"""{"conv": [{{Asked}}, {"role": "assistant", "content": ""}]}""", "embedding/0")]
    [InlineData("/slime", $$"""{"prompt": [{{Asked}}], "response": "", "label": null}""", "")]
    [InlineData("/verify", """{"responses_create_params": {"input": "Q"}, "response": {"output": [{"type": "message", "content": ""}]}}""", "reward")]
    public async Task Empty_is_an_answer(string path, string body, string place)
    {
        var at = (await rewards.Server.Post(path, body)).Ok;
        foreach (string step in place.Split('/', StringSplitOptions.RemoveEmptyEntries)) at = at.ValueKind == JsonValueKind.Array ? at[int.Parse(step)] : at.GetProperty(step);
        JsonAssert.Score(rewards.Scorer.Score("Q", ""), at);
        Assert.NotEqual(rewards.Scorer.Score("Q", "A"), at.GetSingle());
    }

    [Theory]
    [InlineData("/v1/rewards", """{"prompt": "Q", "response": null}""", 422)]
    [InlineData("/v1/rewards", """{"prompt": "Q"}""", 422)]
    [InlineData("/score", """{"queries": "Q", "documents": [null]}""", 400)]
    [InlineData("/judge", $$"""{"conv": [{{Asked}}]}""", 400)]
    [InlineData("/slime", $$"""{"prompt": [{{Asked}}], "response": null}""", 400)]
    [InlineData("/roll/submit", $$"""{"prompt": [{{Asked}}], "response": null}""", 400)]
    [InlineData("/verify", """{"responses_create_params": {"input": "Q"}, "response": {"output": []}}""", 422)]
    public async Task No_answer_is_none(string path, string body, int status) => (await rewards.Server.Post(path, body)).Refused(status);
}
