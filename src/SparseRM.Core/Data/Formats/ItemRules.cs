using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>What every item has to be, wherever it comes from.</summary>
internal static class ItemRules
{
    /// <summary>What is wrong with an item, or null.</summary>
    /// <param name="item">The item.</param>
    /// <param name="needsPrompt">Whether an empty prompt is wrong.</param>
    /// <param name="source">What needs an answer on each side, for the sentence.</param>
    public static string? Problem(PreferenceItem item, bool needsPrompt, string source)
    {
        if (item.Prompt.Count > 0 ? IsBlank(item.Prompt) : needsPrompt) return "the prompt is empty";
        if (item.Chosen.Count == 0) return $"no chosen answer belongs to this prompt ({source} needs one)";
        if (item.Rejected.Count == 0) return $"no rejected answer belongs to this prompt ({source} needs one)";
        if ((long)item.Chosen.Count * item.Rejected.Count > Limits.Pairs)
            return $"{item.Chosen.Count} chosen and {item.Rejected.Count} rejected answers make over {Limits.Pairs} pairs; leave some out";
        if (item.Chosen.Any(IsBlank)) return "the chosen answer is empty";
        if (item.Rejected.Any(IsBlank)) return "the rejected answer is empty";
        if (item.Chosen.Concat(item.Rejected).FirstOrDefault(answer => answer[^1].Role != "assistant") is { } other)
            return $"an answer must end with a message of the assistant, found one of '{other[^1].Role}'";
        var chosen = item.Chosen.ToHashSet(ByMessages.Instance);
        return item.Rejected.Any(chosen.Contains) ? "the chosen and the rejected answer are equal" : null;
    }

    /// <summary>True where there is no last message, or one that says nothing: no text and no call of a tool.</summary>
    public static bool IsBlank(IReadOnlyList<Message> messages)
        => messages.Count == 0 || (string.IsNullOrWhiteSpace(messages[^1].Content) && !Calls(messages[^1]));

    private static bool Calls(Message message)
        => message.Fields is { } fields && (Holds(fields, "tool_calls") || Holds(fields, "function_call"));

    private static bool Holds(JsonFields fields, string name) => fields.Value.TryGetProperty(name, out var value) && value.ValueKind switch
    {
        System.Text.Json.JsonValueKind.Array => value.GetArrayLength() > 0,
        System.Text.Json.JsonValueKind.Object => true,
        System.Text.Json.JsonValueKind.String => value.GetString()!.Length > 0,
        _ => false,
    };
}
