using System.Text.Json;
using SparseRM.Models;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>What vLLM's pooling requests share. Fields that nobody knows are passed over, as vLLM does; what would change a score and cannot be obeyed is refused.</summary>
internal static class VllmFields
{
    /// <summary>The inputs: <c>input</c> as text, texts, ids or lists of ids, or one dialogue as <c>messages</c>.</summary>
    public static IReadOnlyList<ScoreItem> Inputs(JsonElement request)
    {
        request.OneOf("messages", "input");
        if (request.Has("messages", out var messages)) return [Dialogue(request, messages)];
        var input = request.Need("input");
        if (input.ValueKind == JsonValueKind.String) return [new TextItem("input", input.Text("input"))];
        int count = input.List("input", "a string, a list of strings, token ids or a list of lists of token ids").GetArrayLength();
        if (count == 0) throw new Fault(FaultKind.Empty, "input is an empty list; give at least one input", "input");
        if (input[0].ValueKind == JsonValueKind.Number) return [new IdsItem("input", input.Ids("input"))];
        return [.. input.EnumerateArray().Select((item, i) => Input(item, $"input[{i}]"))];
    }

    /// <summary>Model, truncation and priority.</summary>
    public static ScoreWork Work(JsonElement request, IReadOnlyList<ScoreItem> items)
    {
        if (request.Has("normalize")) throw new Fault(FaultKind.Field, "Parameter `normalize` was removed; use `use_activation` instead.", "normalize");
        if (request.Word("padding", "max_length", "do_not_pad") == "max_length") throw Refused("padding", "nothing is padded here: a padded text would score otherwise; leave it out");
        foreach (string name in (ReadOnlySpan<string>)["mm_processor_kwargs", "instruction", "media_io_kwargs"])
            if (request.Has(name)) throw Refused(name, "only text is scored, as the model's own template has it; leave it out");
        foreach (string name in (ReadOnlySpan<string>)["max_tokens_per_query", "max_tokens_per_doc"])
            if (request.Whole(name) is > 0) throw Refused(name, "parts of a dialogue are not cut; use truncate_prompt_tokens");
        int? left = request.Whole("truncate_prompt_tokens", -1);
        if (left == 0) throw Refused("truncate_prompt_tokens", "0 would leave no tokens; give -1 or a number above 0");
        string side = request.Word("truncation_side", "left", "right") ?? "left";
        return new ScoreWork(items)
        {
            Truncation = left is null ? Truncation.Refuse : side == "left" ? Truncation.Left : Truncation.Right,
            MaxTokens = left is > 0 ? left : null,
            // vLLM serves lower numbers first; 0 is the usual one.
            Priority = request.Whole("priority") > 0 ? Priority.Bulk : Priority.Interactive,
        };
    }

    /// <summary>Whether the raw reward goes through a sigmoid: vLLM's default. <c>activation</c> and <c>softmax</c> are older names.</summary>
    public static bool UsesActivation(JsonElement request)
    {
        bool? found = null;
        foreach (string name in (ReadOnlySpan<string>)["use_activation", "activation", "softmax"])
        {
            if (request.Bool(name) is not { } value) continue;
            if (found is { } other && other != value) throw new Fault(FaultKind.Field, $"{name} contradicts another name of use_activation; give one of them", name);
            found = value;
        }
        return found ?? true;
    }

    /// <summary>What the wire answers: the raw reward, or its sigmoid.</summary>
    public static float[] Activated(JsonElement request, float[] scores) => UsesActivation(request) ? [.. scores.Select(JsonWriting.Sigmoid)] : scores;

    /// <summary>The answer's id.</summary>
    public static string Id(JsonElement request, string prefix) => $"{prefix}-{request.TextOrNull("request_id") ?? Guid.NewGuid().ToString("N")}";

    /// <summary>A query or document of score and rerank: a text, or an object with a content of text parts.</summary>
    public static string ScoreText(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Object) return value.Text(field);
        string name = value.Has("text") ? "text" : "content";
        return value.Need(name, field).Content($"{field}.{name}");
    }

    /// <summary>One or several of them.</summary>
    public static string[] ScoreTexts(JsonElement value, string field) => value.ValueKind != JsonValueKind.Array
        ? [ScoreText(value, field)] : [.. value.EnumerateArray().Select((item, i) => ScoreText(item, $"{field}[{i}]"))];

    private static ScoreItem Input(JsonElement item, string field) =>
        item.ValueKind == JsonValueKind.String ? new TextItem(field, item.Text(field)) : new IdsItem(field, item.List(field, "a string or a list of token ids").Ids(field));

    private static DialogueItem Dialogue(JsonElement request, JsonElement messages)
    {
        if (request.Has("chat_template"))
        {
            const string Why = "Chat template is passed with request, but templates come from the model's owner only. Refused request with untrusted chat template.";
            throw new Fault(FaultKind.Field, Why, "chat_template");
        }
        request.Refuse("", "the template gets what chat_template_kwargs has; give it there", "tools", "functions", "documents");
        foreach (string name in (ReadOnlySpan<string>)["add_generation_prompt", "continue_final_message"])
            if (request.Bool(name) == true) throw Refused(name, "a reward reads a finished answer; leave it out");
        var arguments = request.Has("chat_template_kwargs", out var given) ? given.TemplateArguments("chat_template_kwargs") : null;
        return new DialogueItem("messages", messages.Messages("messages"), arguments);
    }

    private static Fault Refused(string name, string why) => new(FaultKind.Field, $"{name} cannot be obeyed: {why}", name);
}
