using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>vLLM's <c>/pooling</c>: <c>classify</c> gives the reward of each input, <c>token_classify</c> that of each of its tokens.</summary>
internal static class VllmPoolingWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/pooling", "vllm", ErrorShapes.OpenAi, AnswerAsync)];

    private static async Task AnswerAsync(WireCall call)
    {
        var request = call.Request;
        if (request.Has("dimensions")) throw new Fault(FaultKind.Field, "dimensions is currently not supported", "dimensions");
        bool perToken = PerTokenOf(request);
        var encoding = NumberEncoding.Of(request);
        var work = VllmFields.Work(request, VllmFields.Inputs(request));
        var answer = await call.ScoreAsync(perToken ? work with { PerToken = PerToken.Token } : work).ConfigureAwait(false);
        float[][] values = [.. answer.Items.Select(item => VllmFields.Activated(request, perToken ? [.. item.Result.TokenScores.Select(token => token.Score)] : [item.Score]))];
        string id = VllmFields.Id(request, "pool");
        if (encoding.IsBytes)
        {
            await WriteBytes(call, answer, values, id, encoding, perToken).ConfigureAwait(false);
            return;
        }
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead(id, "list", answer);
            json.WriteStartArray("data");
            for (int i = 0; i < values.Length; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteString("object", "pooling");
                json.WritePropertyName("data");
                if (encoding.IsBase64) json.WriteBase64StringValue(encoding.Bytes(values[i]));
                else WriteFloats(json, values[i], perToken);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteUsage(answer);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static bool PerTokenOf(JsonElement request)
    {
        switch (request.TextOrNull("task"))
        {
            case null or "classify":
                return false;
            case "token_classify":
                return true;
            case "score":
                throw new Fault(FaultKind.Field, "Pooling task `score` was removed; use `classify` instead.", "task");
            case "encode":
                throw new Fault(FaultKind.Field, "Pooling task `encode` was removed; use `token_embed` or `token_classify` instead.", "task");
            case var other:
                throw new Fault(FaultKind.Field, $"Unsupported task: '{other}' Supported tasks: ('classify', 'token_classify')", "task");
        }
    }

    // A score for each token is a matrix of one column.
    private static void WriteFloats(Utf8JsonWriter json, float[] values, bool perToken)
    {
        if (!perToken)
        {
            json.WriteNumbers(values);
            return;
        }
        json.WriteStartArray();
        foreach (float value in values) json.WriteNumbers([value]);
        json.WriteEndArray();
    }

    /// <summary>All numbers one after the other, and in the header <c>metadata</c> where each input's lie.</summary>
    private static Task WriteBytes(WireCall call, ScoreAnswer answer, float[][] values, string id, NumberEncoding encoding, bool perToken)
    {
        byte[][] parts = [.. values.Select(encoding.Bytes)];
        if (encoding.HasMetadata)
        {
            using var head = new MemoryStream();
            using (var json = new Utf8JsonWriter(head))
            {
                json.WriteStartObject();
                json.WriteString("id", id);
                json.WriteNumber("created", DateTimeOffset.UtcNow.ToUnixTimeSeconds());
                json.WriteString("model", answer.Reward.Name);
                json.WriteStartArray("data");
                for (int i = 0, at = 0; i < parts.Length; at += parts[i++].Length)
                {
                    json.WriteStartObject();
                    json.WriteNumber("index", i);
                    json.WriteString("embed_dtype", encoding.DType);
                    json.WriteString("endianness", encoding.Endianness);
                    json.WriteNumber("start", at);
                    json.WriteNumber("end", at + parts[i].Length);
                    json.WriteStartArray("shape");
                    json.WriteNumberValue(values[i].Length);
                    if (perToken) json.WriteNumberValue(1);
                    json.WriteEndArray();
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteUsage(answer);
                json.WriteEndObject();
            }
            call.Http.Response.Headers["metadata"] = System.Text.Encoding.ASCII.GetString(head.ToArray());
        }
        return call.WriteAsync(parts.SelectMany(part => part).ToArray(), "application/octet-stream");
    }
}
