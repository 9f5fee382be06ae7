using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>Every wire answers with the reward model that a request names, and with no other.</summary>
public class NamedModelTests(Rewards rewards)
{
    private const string Messages = """[{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}]""";
    private const string Response = """{"output": [{"type": "message", "content": "4"}]}""";

    /// <summary>Path, body without its model, and where the raw reward stands in the answer. TEXT and IDS are the rendered dialogue.</summary>
    public static TheoryData<string, string, string> Wires => new()
    {
        { "/v1/rewards", $"\"messages\": {Messages}", "results/0/score" },
        { "/classify", "\"input\": TEXT, \"use_activation\": false", "data/0/probs/0" },
        { "/classify", "\"text\": TEXT", "embedding/0" },
        { "/classify", "\"input_ids\": IDS", "embedding/0" },
        { "/pooling", "\"input\": TEXT, \"use_activation\": false", "data/0/data/0" },
        { "/v1/embeddings", "\"input\": TEXT", "data/0/embedding/0" },
        { "/score", "\"queries\": \"What is 2 + 2?\", \"documents\": \"4\", \"use_activation\": false", "data/0/score" },
        { "/rerank", "\"query\": \"What is 2 + 2?\", \"documents\": [\"4\"], \"use_activation\": false", "results/0/relevance_score" },
        { "/v1/score", "\"query\": TEXT, \"items\": \"\"", "scores/0/0" },
        { "/judge", $"\"conv\": {Messages}", "embedding/0" },
        { "/get_reward", "\"query\": [TEXT]", "rewards/0" },
        { "/predict", "\"inputs\": TEXT, \"raw_scores\": true", "0/score" },
        { "/rerank", "\"query\": \"What is 2 + 2?\", \"texts\": [\"4\"], \"raw_scores\": true", "0/score" },
        { "/slime", "\"prompt\": TEXT, \"response\": \"\"", "" },
        { "/verify", $"\"responses_create_params\": {{\"input\": \"What is 2 + 2?\"}}, \"response\": {Response}", "reward" },
    };

    [Theory]
    [MemberData(nameof(Wires))]
    public async Task The_named_one_answers(string path, string fields, string place)
    {
        string body = fields.Replace("TEXT", JsonSerializer.Serialize(rewards.Rendered("What is 2 + 2?", "4")), StringComparison.Ordinal)
            .Replace("IDS", JsonSerializer.Serialize(rewards.Ids("What is 2 + 2?", "4")), StringComparison.Ordinal);
        float first = rewards.Scorer.Score("What is 2 + 2?", "4"), second = rewards.SafeScorer.Score("What is 2 + 2?", "4");
        Assert.NotEqual(first, second);
        JsonAssert.Score(first, At((await rewards.Server.Post(path, $"{{{body}}}")).Ok, place));
        JsonAssert.Score(second, At((await rewards.Server.Post(path, $"{{\"model\": \"safe\", {body}}}")).Ok, place));
        Assert.Contains("the model `zzz` does not exist", (await rewards.Server.Post(path, $"{{\"model\": \"zzz\", {body}}}")).Refused(404).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roll_s_too()
    {
        string id = (await rewards.Server.Post("/roll/submit", """{"model": "safe", "prompt": [{"role": "user", "content": "What is 2 + 2?"}], "response": "4"}""")).Ok
            .GetProperty("reward_request_id").GetString()!;
        JsonElement result;
        do result = (await rewards.Server.Get("/roll/result", $$"""{"reward_request_id": "{{id}}"}""")).Ok;
        while (result.GetProperty("errcode").GetInt32() == 1);
        JsonAssert.Score(rewards.SafeScorer.Score("What is 2 + 2?", "4"), result.GetProperty("reward_score"));
    }

    private static JsonElement At(JsonElement value, string place)
    {
        foreach (string step in place.Split('/', StringSplitOptions.RemoveEmptyEntries))
            value = value.ValueKind == JsonValueKind.Array ? value[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)] : value.GetProperty(step);
        return value;
    }
}
