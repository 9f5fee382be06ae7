using System.Text.Json;
using SparseRM.Text;

namespace SparseRM.Server.Tests.Wires;

/// <summary>Our own wire, <c>/v1/rewards</c>.</summary>
public class RewardsTests(Rewards rewards)
{
    private static string Text(string value) => JsonSerializer.Serialize(value);

    [Fact]
    public async Task Every_form_of_an_input_has_the_library_s_score_and_says_what_was_done()
    {
        int[] ids = rewards.Ids("Q", "A");
        string rendered = rewards.Rendered("Q", "A");
        string[] inputs =
        [
            """{"prompt": "Q", "response": "A"}""", """{"prompt": [{"role": "user", "content": "Q"}], "response": "A"}""",
            """{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}""",
            $$"""{"text": {{Text(rendered)}}}""", $$"""{"text": {{Text("<bos>" + rendered)}}}""", $$"""{"text": {{Text(rendered[5..])}}}""",
            $$"""{"ids": {{JsonSerializer.Serialize(ids)}}}""", $$"""{"ids": {{JsonSerializer.Serialize(ids[1..])}}, "answer": [3, 4]}""",
        ];
        var answer = (await rewards.Server.Post("/v1/rewards", $$"""{"inputs": [{{string.Join(',', inputs)}}]}""")).Ok;
        JsonAssert.Members(answer, "id", "object", "created", "model", "fingerprint", "model_fingerprint", "variant", "results", "usage");
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(rewards.True))), answer.GetProperty("fingerprint").GetString());
        Assert.StartsWith("cpu-bf16-", answer.GetProperty("variant").GetString());
        string[] bos = ["kept", "kept", "kept", "kept", "merged", "added", "kept", "added"];
        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal(bos, results.Select(result => result.GetProperty("bos").GetString()));
        for (int i = 0; i < inputs.Length; i++)
        {
            JsonAssert.Members(results[i], "index", "score", "tokens", "bos", "truncated");
            JsonAssert.Score(rewards.Scorer.Score("Q", "A"), results[i].GetProperty("score"));
            Assert.Equal((i, ids.Length, 0), (results[i].GetProperty("index").GetInt32(), results[i].GetProperty("tokens").GetInt32(), results[i].GetProperty("truncated").GetInt32()));
        }
        Assert.Equal(ids.Length * inputs.Length, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task A_group_has_results_and_everything_that_is_asked_for()
    {
        const string Body = """
            {"inputs": [{"prompt": "What is 2 + 2?", "responses": ["4", "It is five. Surely."]}], "components": true, "doubt": true, "novelty": true, "per_token": true,
             "explain": {"directions": 2, "tokens": 3}, "priority": "bulk", "deadline_ms": 30000}
            """;
        var group = Assert.Single((await rewards.Server.Post("/v1/rewards", Body)).Ok.GetProperty("results").EnumerateArray().ToArray()).GetProperty("results");
        Assert.Equal(2, group.GetArrayLength());
        foreach (var (result, text) in group.EnumerateArray().Zip(["4", "It is five. Surely."]))
        {
            JsonAssert.Members(result, "score", "tokens", "bos", "truncated", "standard_deviation", "novelty", "components", "token_scores", "token_positions", "explanation");
            var input = rewards.Scorer.Backbone.Encoder.Encode([new Message("user", "What is 2 + 2?"), new Message("assistant", text)]);
            var expected = rewards.Scorer.ScoreAll([input], new ScoreOptions { Doubt = true, Novelty = true, PerToken = PerToken.Token })[0];
            JsonAssert.Score(expected.Score, result.GetProperty("score"));
            Assert.Equal(expected.StandardDeviation, result.GetProperty("standard_deviation").GetDouble());
            Assert.Equal(expected.Novelty, result.GetProperty("novelty").GetDouble());
            JsonAssert.Score(expected.Components[0].Score, result.GetProperty("components")[0].GetProperty("score"));
            Assert.Equal(expected.TokenScores.Select(token => token.Score), result.GetProperty("token_scores").EnumerateArray().Select(score => score.GetSingle()));
            Assert.Equal(expected.TokenScores.Select(token => token.Position), result.GetProperty("token_positions").EnumerateArray().Select(position => position.GetInt32()));
            var explanation = result.GetProperty("explanation");
            var component = explanation.GetProperty("components")[0];
            double sum = component.GetProperty("mean_score").GetDouble() + component.GetProperty("remainder").GetDouble()
                + component.GetProperty("directions").EnumerateArray().Sum(direction => direction.GetProperty("share").GetDouble());
            Assert.Equal(result.GetProperty("score").GetDouble(), sum, 1e-4);
            Assert.Equal(2, component.GetProperty("directions").GetArrayLength());
            Assert.Equal(result.GetProperty("tokens").GetInt32(), explanation.GetProperty("tokens").GetArrayLength());
        }
    }

    [Fact]
    public async Task One_input_needs_no_list()
    {
        var answer = (await rewards.Server.Post("/v1/rewards", """{"model": "safe", "prompt": "Q", "response": "A"}""")).Ok;
        JsonAssert.Score(rewards.SafeScorer.Score("Q", "A"), answer.GetProperty("results")[0].GetProperty("score"));
    }

    [Fact]
    public async Task An_input_that_fails_has_its_own_error_among_strangers()
    {
        var inputs = Enumerable.Range(0, 64).Select(i => i == 17 ? """{"prompt": "P", "response": "\udfff"}""" : $$"""{"prompt": "P", "response": "answer {{i}}"}""");
        var answer = (await rewards.Server.Post("/v1/rewards", $$"""{"inputs": [{{string.Join(',', inputs)}}]}""")).Ok;
        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        for (int i = 0; i < 64; i++)
        {
            if (i != 17)
            {
                JsonAssert.Score(rewards.Scorer.Score("P", $"answer {i}"), results[i].GetProperty("score"));
                continue;
            }
            JsonAssert.Members(results[i], "index", "error");
            Assert.Equal(("text", "inputs[17].response"), (results[i].GetProperty("error").GetProperty("kind").GetString(), results[i].GetProperty("error").GetProperty("field").GetString()));
        }
    }

    [Fact]
    public async Task Empty_lists_have_empty_results()
    {
        Assert.Equal(0, (await rewards.Server.Post("/v1/rewards", """{"inputs": []}""")).Ok.GetProperty("results").GetArrayLength());
        var group = (await rewards.Server.Post("/v1/rewards", """{"inputs": [{"prompt": "Q", "responses": []}]}""")).Ok.GetProperty("results")[0];
        Assert.Equal(0, group.GetProperty("results").GetArrayLength());
    }

    [Theory]
    [InlineData("""{"inputs": [{"prompt": "Q", "respons": "A"}]}""", 422, "field", "inputs[0] has an unknown field 'respons'")]
    [InlineData("""{"prompt": "Q", "response": "A", "trunkation": "left"}""", 422, "field", "the request has an unknown field 'trunkation'")]
    [InlineData("""{"prompt": "Q"}""", 422, "field", "the request needs either response or responses beside its prompt")]
    [InlineData("""{"prompt": "Q", "response": null}""", 422, "field", "the request needs either response or responses beside its prompt, but response is null")]
    [InlineData("""{"prompt": null, "response": "A"}""", 422, "field", "the request needs one of prompt, messages, text and ids, but prompt is null")]
    [InlineData("""{"prompt": "Q", "response": "A", "template_arguments": {"chat_template": "x"}}""", 422, "field", "template_arguments.chat_template cannot be obeyed")]
    [InlineData("""{"prompt": "Q", "response": "A", "explain": 1}""", 422, "field", "explain is 1, expected true, false or an object")]
    [InlineData("""{"prompt": "Q", "response": "A", "max_tokens": 99999999999}""", 422, "field", "max_tokens is 99999999999, expected a whole number from 1 to 2147483647")]
    [InlineData("""{"prompt": 5, "response": "A"}""", 422, "field", "prompt is 5, expected a string or a list of messages")]
    [InlineData("""{"messages": "Q"}""", 422, "field", "messages is a string, expected a list of messages")]
    [InlineData("""{"prompt": "Q", "text": "x"}""", 422, "field", "the request needs one of prompt, messages, text and ids, but has prompt and text")]
    [InlineData("""{"prompt": "Q", "response": "A", "prompt": "R"}""", 400, "malformed", "field 'prompt' appears twice in one object; give it once")]
    [InlineData("""{"ids": [2, 3], "answer": [1, 5]}""", 422, "field", "the answer of ids is said to be tokens 1 to 5")]
    [InlineData("""{"prompt": "Q", "response": "A", "truncation": "middle"}""", 422, "field", "truncation is 'middle', expected one of left, right")]
    [InlineData("""{"model": "nobody", "prompt": "Q", "response": "A"}""", 404, "no_model", "the model `nobody` does not exist; known are true, safe")]
    public async Task Refusals_are_one_sentence_with_kind_and_field(string body, int status, string kind, string message)
    {
        var error = (await rewards.Server.Post("/v1/rewards", body)).Refused(status).GetProperty("error");
        JsonAssert.Members(error, "kind", "message", "field");
        Assert.Equal(kind, error.GetProperty("kind").GetString());
        Assert.StartsWith(message, error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Too_long_is_413_and_truncation_says_what_it_cut()
    {
        int context = rewards.Scorer.Backbone.Config.NCtx;
        string ids = JsonSerializer.Serialize(Enumerable.Repeat(20, context + 3));
        Assert.Equal("too_long", (await rewards.Server.Post("/v1/rewards", $$"""{"ids": {{ids}}}""")).Refused(413).GetProperty("error").GetProperty("kind").GetString());
        var result = (await rewards.Server.Post("/v1/rewards", $$"""{"ids": {{ids}}, "truncation": "left"}""")).Ok.GetProperty("results")[0];
        // One BOS was added before the cut.
        Assert.Equal((context, 4, "added"), (result.GetProperty("tokens").GetInt32(), result.GetProperty("truncated").GetInt32(), result.GetProperty("bos").GetString()));
        int bos = rewards.Scorer.Backbone.Tokenizer!.BosId!.Value;
        JsonAssert.Score(rewards.Scorer.ScoreIds([bos, .. Enumerable.Repeat(20, context - 1)]), result.GetProperty("score"));
    }
}
