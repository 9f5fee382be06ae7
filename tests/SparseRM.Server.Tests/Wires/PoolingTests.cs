using System.Buffers.Binary;
using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>vLLM's <c>/pooling</c> with its ways to write numbers, and OpenAI's embeddings.</summary>
public class PoolingTests(Rewards rewards)
{
    private string Input => JsonSerializer.Serialize(rewards.Rendered("What is 2 + 2?", "4"));

    private float Score => rewards.Scorer.Score("What is 2 + 2?", "4");

    [Theory]
    [InlineData("")]
    [InlineData(", \"task\": \"classify\"")]
    public async Task Classify_gives_a_list_of_one_number(string task)
    {
        var answer = (await rewards.Server.Post("/pooling", $$"""{"input": {{Input}}, "use_activation": false{{task}}}""")).Ok;
        JsonAssert.Members(answer, "id", "object", "created", "model", "data", "usage");
        Assert.StartsWith("pool-", answer.GetProperty("id").GetString());
        var item = answer.GetProperty("data")[0];
        JsonAssert.Members(item, "index", "object", "data");
        Assert.Equal("pooling", item.GetProperty("object").GetString());
        JsonAssert.Score(Score, Assert.Single(item.GetProperty("data").EnumerateArray().ToArray()));
    }

    [Fact]
    public async Task Token_classify_gives_a_reward_a_token_and_the_last_is_the_score()
    {
        var answer = (await rewards.Server.Post("/pooling", $$"""{"input": {{Input}}, "use_activation": false, "task": "token_classify"}""")).Ok;
        var data = answer.GetProperty("data")[0].GetProperty("data").EnumerateArray().ToArray();
        int[] ids = rewards.Ids("What is 2 + 2?", "4");
        var input = rewards.Scorer.Backbone.Encoder.EncodeIds(ids);
        float[] expected = [.. rewards.Scorer.ScoreAll([input], new ScoreOptions { PerToken = PerToken.Token })[0].TokenScores.Select(token => token.Score)];
        Assert.Equal(ids.Length, data.Length);
        for (int i = 0; i < data.Length; i++) JsonAssert.Score(expected[i], Assert.Single(data[i].EnumerateArray().ToArray()));
        JsonAssert.Score(Score, data[^1][0]);
    }

    [Theory]
    [InlineData("float32", "native", 4)]
    [InlineData("float32", "big", 4)]
    [InlineData("float16", "little", 2)]
    [InlineData("float16", "big", 2)]
    [InlineData("bfloat16", "native", 2)]
    public async Task Base64_and_bytes_hold_the_same_numbers(string dtype, string endianness, int size)
    {
        string body = $$"""{"input": [{{Input}}, {{Input}}], "use_activation": false, "embed_dtype": "{{dtype}}", "endianness": "{{endianness}}", "encoding_format": """;
        var json = (await rewards.Server.Post("/pooling", body + "\"base64\"}")).Ok;
        byte[] bytes = json.GetProperty("data")[0].GetProperty("data").GetBytesFromBase64();
        Assert.Equal(size, bytes.Length);
        if (endianness == "big") Array.Reverse(bytes);
        float found = dtype switch
        {
            "float32" => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            "float16" => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes),
            _ => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes) << 16),
        };
        Assert.Equal(dtype switch { "float32" => Score, "float16" => (float)(Half)Score, _ => Score }, found, dtype == "bfloat16" ? Math.Abs(Score) / 256 : 0);

        var raw = await rewards.Server.Post("/pooling", body + "\"bytes\"}");
        Assert.Equal("application/octet-stream", raw.Type);
        var metadata = JsonElement.Parse(Assert.Single(raw.Headers.GetValues("metadata")));
        JsonAssert.Members(metadata, "id", "created", "model", "data", "usage");
        var second = metadata.GetProperty("data")[1];
        JsonAssert.Members(second, "index", "embed_dtype", "endianness", "start", "end", "shape");
        Assert.Equal((size, 2 * size, 1), (second.GetProperty("start").GetInt32(), second.GetProperty("end").GetInt32(), second.GetProperty("shape")[0].GetInt32()));
        Assert.Equal(json.GetProperty("data")[1].GetProperty("data").GetBytesFromBase64(), raw.Bytes[size..]);
        Assert.False((await rewards.Server.Post("/pooling", body + "\"bytes_only\"}")).Headers.Contains("metadata"));
    }

    [Theory]
    [InlineData("score", "Pooling task `score` was removed; use `classify` instead.")]
    [InlineData("encode", "Pooling task `encode` was removed; use `token_embed` or `token_classify` instead.")]
    [InlineData("embed", "Unsupported task: 'embed' Supported tasks: ('classify', 'token_classify')")]
    public async Task Other_tasks_are_refused(string task, string message)
    {
        var error = (await rewards.Server.Post("/pooling", $$"""{"input": "x", "task": "{{task}}"}""")).Refused(400).GetProperty("error");
        Assert.Equal((message, "task"), (error.GetProperty("message").GetString(), error.GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Embeddings_answer_verl_with_SGLang_and_openai_with_base64()
    {
        var answer = (await rewards.Server.Post("/v1/embeddings", $$"""{"model": "true", "input": {{Input}}}""")).Ok;
        JsonAssert.Members(answer, "id", "object", "created", "model", "data", "usage");
        var item = answer.GetProperty("data")[0];
        JsonAssert.Members(item, "index", "object", "embedding");
        JsonAssert.Score(Score, Assert.Single(item.GetProperty("embedding").EnumerateArray().ToArray()));
        var coded = (await rewards.Server.Post("/v1/embeddings", $$"""{"model": "true", "input": [{{Input}}], "encoding_format": "base64"}""")).Ok;
        Assert.Equal(Score, BitConverter.ToSingle(coded.GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64()));
        (await rewards.Server.Post("/v1/embeddings", $$"""{"input": {{Input}}, "dimensions": 8}""")).Refused(400);
    }

    [Fact]
    public async Task Models_are_listed()
    {
        var answer = (await rewards.Server.Get("/v1/models")).Ok;
        Assert.Equal(["true", "safe"], answer.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()));
        Assert.Equal(64, answer.GetProperty("data")[0].GetProperty("fingerprint").GetString()!.Length);
    }

    private static class BFloat16
    {
        public static float Truncated(float value) => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
    }
}
