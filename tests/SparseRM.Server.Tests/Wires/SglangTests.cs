using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>SGLang's native and OpenAI-like routes.</summary>
public class SglangTests(Rewards rewards)
{
    private string Text => JsonSerializer.Serialize(rewards.Rendered("What is 2 + 2?", "4"));

    private float Score => rewards.Scorer.Score("What is 2 + 2?", "4");

    [Fact]
    public async Task Classify_answers_an_object_for_one_text_and_a_list_for_a_list()
    {
        string ids = JsonSerializer.Serialize(rewards.Ids("What is 2 + 2?", "4"));
        foreach (string input in (string[])[$"\"text\": {Text}", $"\"input_ids\": {ids}"])
            Check((await rewards.Server.Post("/classify", $$"""{"model": "true", {{input}}}""")).Ok);
        foreach (string input in (string[])[$"\"text\": [{Text}, {Text}]", $"\"input_ids\": [{ids}, {ids}]"])
        {
            var answer = (await rewards.Server.Post("/classify", $$"""{ {{input}} }""")).Ok;
            Assert.Equal(2, answer.GetArrayLength());
            Assert.All(answer.EnumerateArray(), Check);
        }
    }

    [Fact]
    public async Task Judge_scores_one_conversation_or_several()
    {
        const string Conversation = """[{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}]""";
        Check((await rewards.Server.Post("/judge", $$"""{"conv": {{Conversation}}}""")).Ok);
        Assert.All((await rewards.Server.Post("/judge", $$"""{"conv": [{{Conversation}}, {{Conversation}}]}""")).Ok.EnumerateArray(), Check);
    }

    [Fact]
    public async Task Score_joins_query_and_items_into_one_text()
    {
        var answer = (await rewards.Server.Post("/v1/score", """{"query": "One ", "items": ["two", "three"], "model": "true"}""")).Ok;
        JsonAssert.Members(answer, "scores", "model", "usage", "object");
        Assert.Equal("scoring", answer.GetProperty("object").GetString());
        JsonAssert.Score(rewards.Scorer.ScoreText("One two"), answer.GetProperty("scores")[0][0]);
        JsonAssert.Score(rewards.Scorer.ScoreText("One three"), answer.GetProperty("scores")[1][0]);
        var first = (await rewards.Server.Post("/v1/score", """{"query": " one", "items": "two", "item_first": true}""")).Ok;
        JsonAssert.Score(rewards.Scorer.ScoreText("two one"), first.GetProperty("scores")[0][0]);
        var ids = (await rewards.Server.Post("/v1/score", """{"query": [20, 21], "items": [[22], [23]]}""")).Ok;
        int bos = rewards.Scorer.Backbone.Tokenizer!.BosId!.Value;
        JsonAssert.Score(rewards.Scorer.ScoreIds([bos, 20, 21, 23]), ids.GetProperty("scores")[1][0]);
    }

    // As its owner does: its tokenizer manager gives no scores for no items, and its tests hold that.
    [Theory]
    [InlineData("""{"query": "One ", "items": []}""")]
    [InlineData("""{"query": [20, 21], "items": []}""")]
    public async Task Score_of_no_items_is_an_empty_list(string body)
    {
        var answer = (await rewards.Server.Post("/v1/score", body)).Ok;
        Assert.Equal(0, answer.GetProperty("scores").GetArrayLength());
        Assert.Equal(0, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Theory]
    [InlineData("/judge", """{"conv": []}""", "the list of inputs is empty; give at least one")]
    [InlineData("/classify", """{"input_ids": []}""", "the list of inputs is empty; give at least one")]
    [InlineData("/classify", """{"text": [], "model": "true"}""", "the list of inputs is empty; give at least one")]
    [InlineData("/classify", """{"text": "a", "input_ids": [1]}""", "Either text or input_ids should be provided, not both")]
    [InlineData("/judge", """{"conv": [[{"role": "user"}]]}""", "conv[0][0].content is missing")]
    public async Task Native_refusals_are_messages(string path, string body, string message)
    {
        var answer = (await rewards.Server.Post(path, body)).Refused(400);
        JsonAssert.Members(answer.GetProperty("error"), "message");
        Assert.Equal(message, answer.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_softmax_over_one_label_is_refused_as_it_would_always_be_one()
    {
        var answer = (await rewards.Server.Post("/v1/score", """{"query": "a", "items": ["b"], "apply_softmax": true}""")).Refused(400);
        JsonAssert.Members(answer, "object", "message", "type", "param", "code");
        Assert.Equal("apply_softmax", answer.GetProperty("param").GetString());
    }

    [Fact]
    public async Task V1_classify_whose_answer_is_always_one_names_the_routes_that_give_the_reward()
    {
        var answer = (await rewards.Server.Post("/v1/classify", $$"""{"model": "true", "input": {{Text}}}""")).Refused(400);
        JsonAssert.Members(answer, "object", "message", "type", "param", "code");
        Assert.Contains("post text to /classify", answer.GetProperty("message").GetString());
    }

    private void Check(JsonElement item)
    {
        JsonAssert.Members(item, "embedding", "meta_info");
        JsonAssert.Score(Score, Assert.Single(item.GetProperty("embedding").EnumerateArray().ToArray()));
        Assert.Equal(rewards.Ids("What is 2 + 2?", "4").Length, item.GetProperty("meta_info").GetProperty("prompt_tokens").GetInt32());
    }
}
