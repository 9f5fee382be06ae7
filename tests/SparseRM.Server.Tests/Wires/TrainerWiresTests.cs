using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>slime, ROLL and NeMo-Gym.</summary>
public class TrainerWiresTests(Rewards rewards)
{
    private float Score => rewards.Scorer.Score("What is 2 + 2?", "4");

    [Fact]
    public async Task Slime_gets_the_bare_number()
    {
        string text = rewards.Rendered("What is 2 + 2?", "4");
        int cut = text.IndexOf('4');
        string rendered = $$"""{"prompt": {{JsonSerializer.Serialize(text[..cut])}}, "response": {{JsonSerializer.Serialize(text[cut..])}}, "label": "4"}""";
        JsonAssert.Score(Score, (await rewards.Server.Post("/slime", rendered)).Ok);
        JsonAssert.Score(Score, (await rewards.Server.Post("/slime", """{"prompt": [{"role": "user", "content": "What is 2 + 2?"}], "response": "4", "label": null}""")).Ok);
        JsonAssert.Members((await rewards.Server.Post("/slime", """{"prompt": "x"}""")).Refused(400), "detail");
    }

    [Fact]
    public async Task Roll_submits_and_polls()
    {
        const string Submit = """
            {"priority": 1, "project_id": "p", "experiment_id": "e", "global_step": 3, "data_id": "d", "rollout_id": "r", "prompt": [{"role": "user", "content": "What is 2 + 2?"}],
             "response": "4", "reward_info": {}, "reward_manager": "m", "timeout": 30}
            """;
        var submitted = (await rewards.Server.Post("/roll/submit", Submit)).Ok;
        JsonAssert.Members(submitted, "errcode", "reward_request_id");
        Assert.Equal(0, submitted.GetProperty("errcode").GetInt32());
        string id = submitted.GetProperty("reward_request_id").GetString()!;
        JsonElement result;
        do result = (await rewards.Server.Get("/roll/result", $$"""{"reward_request_id": "{{id}}"}""")).Ok;
        while (result.GetProperty("errcode").GetInt32() == 1);
        JsonAssert.Members(result, "errcode", "reward_score", "dimention_reward_score", "start_time", "end_time");
        JsonAssert.Score(Score, result.GetProperty("reward_score"));
        Assert.True(result.GetProperty("dimention_reward_score").GetProperty("true").TryGetProperty("debug_info", out _));
        Assert.True(DateTime.Parse(result.GetProperty("end_time").GetString()!) >= DateTime.Parse(result.GetProperty("start_time").GetString()!));
    }

    [Fact]
    public async Task A_failure_of_Roll_has_no_score()
    {
        string id = (await rewards.Server.Post("/roll/submit", """{"prompt": [{"role": "martian", "content": "x"}], "response": "4"}""")).Ok.GetProperty("reward_request_id").GetString()!;
        Answer answer;
        do answer = await rewards.Server.Get("/roll/result", $$"""{"reward_request_id": "{{id}}"}""");
        while (answer.Text.Contains("\"errcode\":1", StringComparison.Ordinal));
        JsonAssert.Members(answer.Refused(400), "errcode", "message");
        Assert.Equal(2, answer.Json.GetProperty("errcode").GetInt32());
        JsonAssert.Members((await rewards.Server.Get("/roll/result", """{"reward_request_id": "nobody"}""")).Refused(404), "errcode", "message");
    }

    [Fact]
    public async Task NemoGym_gets_its_object_back_with_the_reward()
    {
        const string Body = """
            {"responses_create_params": {"input": [{"role": "user", "content": [{"type": "input_text", "text": "What is 2 + 2?"}]}]},
             "response": {"id": "r", "output": [{"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4", "annotations": []}]}]}, "verifier_metadata": {"k": [1]}}
            """;
        var answer = (await rewards.Server.Post("/verify", Body)).Ok;
        JsonAssert.Members(answer, "responses_create_params", "response", "verifier_metadata", "reward", "reward_components");
        JsonAssert.Score(Score, answer.GetProperty("reward"));
        foreach (string name in (string[])["responses_create_params", "response", "verifier_metadata"])
            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Body).GetProperty(name), answer.GetProperty(name)));
        Assert.Equal(JsonValueKind.Number, Assert.Single(answer.GetProperty("reward_components").EnumerateObject().ToArray()).Value.ValueKind);
    }

    [Theory]
    [InlineData("""{"responses_create_params": {"input": "x"}}""", "response", "response is missing")]
    [InlineData("""{"responses_create_params": {"input": "x"}, "response": {"output": []}}""", "response.output", "response.output has no message; there is no answer to score")]
    [InlineData("""{"responses_create_params": {"input": "x"}, "response": {"output": [{"type": "function_call"}]}}""", "response.output[0]", "response.output[0] is of type 'function_call'; only answers in text can be scored")]
    public async Task NemoGym_refusals_say_where(string body, string field, string message)
    {
        var detail = Assert.Single((await rewards.Server.Post("/verify", body)).Refused(422).GetProperty("detail").EnumerateArray().ToArray());
        JsonAssert.Members(detail, "loc", "msg", "type");
        Assert.Equal(["body", field], detail.GetProperty("loc").EnumerateArray().Select(part => part.GetString()));
        Assert.Equal(message, detail.GetProperty("msg").GetString());
    }

    [Fact]
    public async Task NemoGym_s_other_routes()
    {
        Assert.Equal("{}", (await rewards.Server.Post("/seed_session", "{}")).Text);
        Assert.Equal("stateless", (await rewards.Server.Get("/reverify_mode")).Ok.GetString());
        var metrics = (await rewards.Server.Post("/aggregate_metrics", """{"verify_responses": [{"reward": 1.0}, {"reward": 2.0}]}""")).Ok;
        Assert.Equal(1.5, metrics.GetProperty("agent_metrics").GetProperty("mean/reward").GetDouble());
        (await rewards.Server.Post("/aggregate_metrics", """{"verify_responses": [{"reward": null}]}""")).Refused(422);
    }
}
