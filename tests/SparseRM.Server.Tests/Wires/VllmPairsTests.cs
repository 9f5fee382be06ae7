using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>vLLM's score and rerank.</summary>
public class VllmPairsTests(Rewards rewards)
{
    private static float Sigmoid(float value) => (float)(1 / (1 + Math.Exp(-(double)value)));

    [Theory]
    [InlineData("/score", """{"text_1": "Q", "text_2": "A", "use_activation": false}""", 1)]
    [InlineData("/v1/score", """{"text_1": "Q", "text_2": ["A", "B"], "use_activation": false}""", 2)]
    [InlineData("/v1/score", """{"queries": ["Q", "Q"], "documents": ["A", "B"], "use_activation": false}""", 2)]
    [InlineData("/score", """{"queries": "Q", "items": ["A", "B"], "use_activation": false}""", 2)]
    [InlineData("/score", """{"data_1": "Q", "data_2": ["A", {"content": [{"type": "text", "text": "B"}]}], "use_activation": false}""", 2)]
    public async Task Pairs_are_answers_to_prompts(string path, string body, int count)
    {
        var answer = (await rewards.Server.Post(path, body)).Ok;
        JsonAssert.Members(answer, "id", "object", "created", "model", "data", "usage");
        var data = answer.GetProperty("data").EnumerateArray().ToArray();
        Assert.Equal(count, data.Length);
        for (int i = 0; i < count; i++)
        {
            JsonAssert.Members(data[i], "index", "object", "score");
            Assert.Equal((i, "score"), (data[i].GetProperty("index").GetInt32(), data[i].GetProperty("object").GetString()));
            JsonAssert.Score(rewards.Scorer.Score("Q", i == 0 ? "A" : "B"), data[i].GetProperty("score"));
        }
    }

    [Theory]
    [InlineData("""{"text_1": ["a", "b"], "text_2": ["c", "d", "e"]}""", "Input lengths must be either 1:1, 1:N or N:N")]
    [InlineData("""{"text_1": [], "text_2": ["c"]}""", "At least one text_1 element must be given")]
    [InlineData("""{"text_1": "a", "text_2": []}""", "At least one text_2 element must be given")]
    [InlineData("""{"text_1": "a"}""", "give queries with documents or items, or text_1 with text_2, or data_1 with data_2")]
    [InlineData("""{"text_1": "a", "text_2": "b", "instruction": "be kind"}""", "instruction cannot be obeyed")]
    [InlineData("""{"text_1": "a", "text_2": "b", "max_tokens_per_doc": 3}""", "max_tokens_per_doc cannot be obeyed")]
    public async Task Bad_pairs_are_refused(string body, string message) =>
        Assert.StartsWith(message, (await rewards.Server.Post("/score", body)).Refused(400).GetProperty("error").GetProperty("message").GetString());

    [Theory]
    [InlineData("/rerank")]
    [InlineData("/v1/rerank")]
    [InlineData("/v2/rerank")]
    public async Task Rerank_puts_the_best_first(string path)
    {
        string[] documents = ["Paris.", "Rome.", "Berlin is the capital of France."];
        var body = $$"""{"model": "true", "query": "What is the capital of France?", "documents": {{JsonSerializer.Serialize(documents)}}, "top_n": 2}""";
        var answer = (await rewards.Server.Post(path, body)).Ok;
        JsonAssert.Members(answer, "id", "model", "usage", "results");
        float[] scores = [.. documents.Select(document => rewards.Scorer.Score("What is the capital of France?", document))];
        int[] order = [.. Enumerable.Range(0, 3).OrderByDescending(i => scores[i]).Take(2)];
        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal(order, results.Select(result => result.GetProperty("index").GetInt32()));
        foreach (var result in results)
        {
            JsonAssert.Members(result, "index", "document", "relevance_score");
            int index = result.GetProperty("index").GetInt32();
            Assert.Equal(documents[index], result.GetProperty("document").GetProperty("text").GetString());
            JsonAssert.Score(Sigmoid(scores[index]), result.GetProperty("relevance_score"));
        }
    }

    [Fact]
    public async Task Rerank_takes_a_single_document()
    {
        var result = Assert.Single((await rewards.Server.Post("/rerank", """{"query": "Q", "documents": "A", "use_activation": false}""")).Ok.GetProperty("results").EnumerateArray().ToArray());
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"), result.GetProperty("relevance_score"));
    }

    [Fact]
    public async Task V1_rerank_answers_as_SGLang_where_the_server_was_told_so()
    {
        await using var server = await rewards.Start(options => options with { Rerank = RerankWire.Sglang });
        var answer = (await server.Post("/v1/rerank", """{"query": "Q", "documents": ["A", "B"]}""")).Ok;
        Assert.Equal(JsonValueKind.Array, answer.ValueKind);
        foreach (var item in answer.EnumerateArray())
        {
            JsonAssert.Members(item, "score", "document", "index", "meta_info");
            JsonAssert.Score(rewards.Scorer.Score("Q", item.GetProperty("document").GetString()!), item.GetProperty("score"));
        }
        Assert.True(answer[0].GetProperty("score").GetSingle() >= answer[1].GetProperty("score").GetSingle());
        var one = (await server.Post("/v1/rerank", """{"query": "Q", "documents": ["A", "B"], "top_n": 1, "return_documents": false}""")).Ok;
        Assert.Equal(answer[0].GetProperty("index").GetInt32(), Assert.Single(one.EnumerateArray().ToArray()).GetProperty("index").GetInt32());
        JsonAssert.Members(one[0], "score", "index", "meta_info");
        Assert.Equal("instruct", (await server.Post("/v1/rerank", """{"query": "Q", "documents": ["A"], "instruct": "be kind"}""")).Refused(400).GetProperty("param").GetString());
        JsonAssert.Members((await server.Post("/v1/rerank", """{"query": "Q", "documents": []}""")).Refused(400), "object", "message", "type", "param", "code");
    }
}
