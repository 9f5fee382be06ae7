using System.Text.Json;
using SparseRM.Text;

namespace SparseRM.Server.Fleet;

/// <summary>What two requests have in common that share their beginning: a hash of the first turn of the first text of a body, whatever its wire.</summary>
/// <remarks>
/// Of a dialogue it is everything up to the first answer, so that a group's answers and later turns of one dialogue belong together; of a rendered text likewise, up to
/// the marks that open an answer; of a text without those, and of ids, the first 256 characters or 64 ids. It decides where a request is scored, never what its score is.
/// </remarks>
/// <param name="template">The model's template, whose marks open an answer; null where there is none.</param>
internal sealed class PromptKey(ChatTemplate? template)
{
    private const int TextStart = 256, IdsStart = 64, Depth = 8;

    // Where a text and an answer to it stand in one body, the text comes first here. True: the field never holds the answer.
    private static readonly (string Name, bool IsPrompt)[] s_fields =
    [
        ("inputs", false), ("prompt", true), ("messages", true), ("conv", true), ("responses_create_params", true), ("queries", true), ("text_1", true), ("data_1", true),
        ("prompts", true), ("query", false), ("text", false), ("input", false), ("input_ids", false), ("ids", false),
    ];

    // A query beside one of these is what was asked; alone it is OpenRLHF's, prompt and answer in one text.
    private static readonly string[] s_besideQuery = ["items", "documents", "texts"];

    private readonly string? _mark = MarkOf(template);

    /// <summary>The hash; null where a body has nothing of this kind.</summary>
    public ulong? Of(JsonElement body) => body.ValueKind == JsonValueKind.Object ? OfFields(body, Depth) : null;

    private ulong? OfFields(JsonElement owner, int depth)
    {
        if (depth == 0) return null;
        foreach (var (name, isPrompt) in s_fields)
            if (owner.TryGetProperty(name, out var value)
                && OfValue(value, isPrompt || (name == "query" && s_besideQuery.Any(other => owner.TryGetProperty(other, out _))), depth - 1) is { } key) return key;
        return null;
    }

    private ulong? OfValue(JsonElement value, bool isPrompt, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return OfText(value, isPrompt);
            case JsonValueKind.Object:
                return OfFields(value, depth);
            case JsonValueKind.Array when depth > 0 && value.GetArrayLength() > 0:
                if (value[0].ValueKind == JsonValueKind.Number) return FleetPlacement.Hash(string.Join(' ', value.EnumerateArray().Take(IdsStart).Select(id => id.GetRawText())));
                return value[0].ValueKind == JsonValueKind.Object && value[0].TryGetProperty("role", out _) ? OfDialogue(value) : OfValue(value[0], isPrompt, depth - 1);
            default:
                return null;
        }
    }

    private ulong? OfText(JsonElement value, bool isPrompt)
    {
        // Half of a surrogate pair is no text: its own server refuses it.
        string text = value.GetRawText();
        int mark = _mark is null ? -1 : text.IndexOf(_mark, StringComparison.Ordinal);
        if (mark >= 0) return FleetPlacement.Hash(text.AsSpan(0, mark));
        return FleetPlacement.Hash(isPrompt ? text : text.AsSpan(0, Math.Min(text.Length, TextStart)));
    }

    // A first turn is what stands before the first answer.
    private static ulong OfDialogue(JsonElement messages) => FleetPlacement.Hash(string.Concat(messages.EnumerateArray()
        .TakeWhile((message, index) => index == 0 || !(message.ValueKind == JsonValueKind.Object && message.TryGetProperty("role", out var role) && IsAnswer(role)))
        .Select(message => message.GetRawText())));

    private static bool IsAnswer(JsonElement role) => role.ValueKind == JsonValueKind.String && role.GetRawText().Trim('"').ToLowerInvariant() is "assistant" or "model" or "gpt";

    // What the template writes between a question and its answer, as JSON spells it.
    private static string? MarkOf(ChatTemplate? template)
    {
        const string Question = "the question";
        try
        {
            string? text = template?.Render([new Message("user", Question)], addGenerationPrompt: true).Text;
            int end = text?.IndexOf(Question, StringComparison.Ordinal) ?? -1;
            return end < 0 || end + Question.Length == text!.Length ? null
                : JsonEncodedText.Encode(text[(end + Question.Length)..], System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        }
        catch (Errors.SparseRMException)
        {
            // A template that wants more than one user turn; texts go by their beginning.
            return null;
        }
    }
}
