using System.Text;
using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>NeMo-Gym's resources server: <c>/verify</c> gives the request back with its reward; the other routes keep no state.</summary>
internal static class NemoGymWire
{
    /// <summary>The routes.</summary>
    public static IEnumerable<WireRoute> Routes =>
    [
        new("POST", "/verify", "nemo_gym", ErrorShapes.NemoGym, VerifyAsync),
        new("POST", "/seed_session", "nemo_gym", ErrorShapes.NemoGym, call => call.WriteAsync(json => { json.WriteStartObject(); json.WriteEndObject(); })) { HasBody = false },
        new("POST", "/aggregate_metrics", "nemo_gym", ErrorShapes.NemoGym, AggregateAsync),
        new("GET", "/reverify_mode", "nemo_gym", ErrorShapes.NemoGym, call => call.WriteAsync(json => json.WriteStringValue("stateless"))) { HasBody = false },
    ];

    private static async Task VerifyAsync(WireCall call)
    {
        var request = call.Request;
        var dialogue = Prompt(request.Need("responses_create_params").Object("responses_create_params"));
        var item = DialogueItem.Of("response", dialogue, Answer(request.Need("response").Object("response")));
        var answer = await call.ScoreAsync(new ScoreWork([item])).ConfigureAwait(false);
        var result = answer.Items[0].Result;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            foreach (var member in request.EnumerateObject())
                if (!member.NameEquals("reward") && !member.NameEquals("reward_components")) member.WriteTo(json);
            json.WriteNumber("reward", result.Score);
            json.WriteStartObject("reward_components");
            foreach (var component in result.Components) json.WriteNumber(component.Name, component.Score);
            json.WriteEndObject();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static List<Message> Prompt(JsonElement parameters)
    {
        const string At = "responses_create_params";
        parameters.Refuse(At, "the server does not have what it refers to; put the texts into input", "previous_response_id", "prompt", "conversation");
        parameters.Refuse(At, SlimeWire.NoTools, "tools");
        var prompt = new List<Message>();
        if (parameters.TextOrNull("instructions") is { } instructions) prompt.Add(new Message("system", instructions));
        var input = parameters.Need("input", At);
        if (input.ValueKind == JsonValueKind.String) return [.. prompt, new Message("user", input.Text($"{At}.input"))];
        int at = 0;
        foreach (var item in input.List($"{At}.input", "a string or a list of messages").EnumerateArray())
        {
            string field = $"{At}.input[{at++}]", role = item.Object(field).Need("role", field).Text($"{field}.role");
            item.RefuseMedia(field);
            prompt.Add(new Message(role == "developer" ? "system" : MessageFields.Role(role), item.Need("content", field).Content($"{field}.content")));
        }
        return prompt;
    }

    /// <summary>The text of the response's messages. Reasoning is not part of the answer; a call of a tool is none.</summary>
    private static string Answer(JsonElement response)
    {
        var text = new StringBuilder();
        int messages = 0, at = 0;
        foreach (var item in response.Need("output", "response").List("response.output").EnumerateArray())
        {
            string field = $"response.output[{at++}]", type = item.Object(field).TextOrNull("type") ?? "message";
            if (type == "reasoning") continue;
            if (type != "message") throw new Fault(FaultKind.Field, $"{field} is of type '{type}'; only answers in text can be scored", field);
            text.Append(item.Need("content", field).Content($"{field}.content"));
            messages++;
        }
        return messages > 0 ? text.ToString() : throw new Fault(FaultKind.Field, "response.output has no message; there is no answer to score", "response.output");
    }

    private static Task AggregateAsync(WireCall call)
    {
        double sum = 0;
        int count = 0;
        foreach (var response in call.Request.Need("verify_responses").List("verify_responses").EnumerateArray())
        {
            var reward = response.Object($"verify_responses[{count}]").Need("reward", $"verify_responses[{count}]");
            if (reward.ValueKind != JsonValueKind.Number) throw Fields.Not(reward, $"verify_responses[{count}].reward", "a number");
            if (!double.IsFinite(reward.GetDouble())) throw Fields.Not(reward, $"verify_responses[{count}].reward", "a finite number");
            sum += reward.GetDouble();
            count++;
        }
        return call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("group_level_metrics");
            json.WriteEndArray();
            json.WriteStartObject("agent_metrics");
            if (count > 0) json.WriteNumber("mean/reward", sum / count);
            json.WriteEndObject();
            json.WriteStartObject("key_metrics");
            if (count > 0) json.WriteNumber("mean/reward", sum / count);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }
}
