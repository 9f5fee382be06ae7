using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>text-embeddings-inference (router/src/http/types.rs).</summary>
public class TeiTests(Rewards rewards)
{
    private static float Sigmoid(float value) => (float)(1 / (1 + Math.Exp(-(double)value)));

    [Fact]
    public async Task Predict_takes_a_text_a_pair_and_batches()
    {
        float text = rewards.Scorer.ScoreText("plain"), pair = rewards.Scorer.Score("Q", "A");
        Check(Sigmoid(text), (await rewards.Server.Post("/predict", """{"inputs": "plain"}""")).Ok);
        Check(text, (await rewards.Server.Post("/predict", """{"inputs": "plain", "raw_scores": true}""")).Ok);
        Check(pair, (await rewards.Server.Post("/predict", """{"inputs": ["Q", "A"], "raw_scores": true}""")).Ok);
        var batch = (await rewards.Server.Post("/predict", """{"inputs": [["plain"], ["Q", "A"]], "raw_scores": true}""")).Ok;
        Assert.Equal(2, batch.GetArrayLength());
        Check(text, batch[0]);
        Check(pair, batch[1]);
    }

    [Fact]
    public async Task Rerank_is_a_bare_list_best_first()
    {
        var answer = (await rewards.Server.Post("/rerank", """{"query": "Q", "texts": ["A", "B", "C"], "raw_scores": true, "return_text": true}""")).Ok;
        var scores = answer.EnumerateArray().Select(item => item.GetProperty("score").GetSingle()).ToArray();
        Assert.Equal(scores.OrderDescending(), scores);
        foreach (var item in answer.EnumerateArray())
        {
            JsonAssert.Members(item, "index", "text", "score");
            Assert.Equal("ABC"[item.GetProperty("index").GetInt32()].ToString(), item.GetProperty("text").GetString());
            JsonAssert.Score(rewards.Scorer.Score("Q", item.GetProperty("text").GetString()!), item.GetProperty("score"));
        }
        JsonAssert.Members((await rewards.Server.Post("/rerank", """{"query": "Q", "texts": ["A"]}""")).Ok[0], "index", "score");
    }

    [Theory]
    [InlineData("/predict", """{"inputs": []}""", 400, "Empty", "`inputs` cannot be empty")]
    [InlineData("/rerank", """{"query": "Q", "texts": []}""", 400, "Empty", "`texts` cannot be empty")]
    [InlineData("/predict", """{"inputs": 3}""", 422, "Validation", "inputs is 3, expected a string, a list of one or two, or a list of such lists")]
    [InlineData("/predict", """{"inputs": ["a", "b", "c"]}""", 422, "Validation", "inputs has 3 texts, expected 1 or 2")]
    [InlineData("/predict", """{"inputs": "\ud800"}""", 422, "Tokenizer", "inputs is not text")]
    public async Task Refusals_have_TEI_s_types(string path, string body, int status, string type, string error)
    {
        var answer = (await rewards.Server.Post(path, body)).Refused(status);
        JsonAssert.Members(answer, "error", "error_type");
        Assert.Equal(type, answer.GetProperty("error_type").GetString());
        Assert.StartsWith(error, answer.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Too_long_texts_are_413_unless_truncated()
    {
        string text = string.Concat(Enumerable.Repeat("word ", 4 * rewards.Scorer.Backbone.Config.NCtx));
        Assert.Equal("Validation", (await rewards.Server.Post("/predict", $$"""{"inputs": "{{text}}"}""")).Refused(413).GetProperty("error_type").GetString());
        int[] ids = rewards.Scorer.Backbone.Tokenizer!.Encode(text);
        int context = rewards.Scorer.Backbone.Config.NCtx;
        Check(rewards.Scorer.ScoreIds(ids[..context]), (await rewards.Server.Post("/predict", $$"""{"inputs": "{{text}}", "truncate": true, "raw_scores": true}""")).Ok);
        Check(rewards.Scorer.ScoreIds([ids[0], .. ids[^(context - 1)..]]),
            (await rewards.Server.Post("/predict", $$"""{"inputs": "{{text}}", "truncate": true, "truncation_direction": "Left", "raw_scores": true}""")).Ok);
    }

    private static void Check(float expected, JsonElement prediction)
    {
        var item = Assert.Single(prediction.EnumerateArray().ToArray());
        JsonAssert.Members(item, "score", "label");
        JsonAssert.Score(expected, item.GetProperty("score"));
        Assert.Equal("LABEL_0", item.GetProperty("label").GetString());
    }
}
