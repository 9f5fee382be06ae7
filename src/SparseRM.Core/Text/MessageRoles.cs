namespace SparseRM.Text;

/// <summary>The words for who speaks: one mapping for files and requests, so that the same messages are the same text wherever they come from.</summary>
public static class MessageRoles
{
    /// <summary>What chat templates call a role: system, user, assistant or tool; other words would be rendered as they are, or not at all.</summary>
    /// <param name="name">The role as data has it, in any case: <c>human</c>, <c>gpt</c>, <c>Assistant</c>, ..</param>
    /// <returns>Null for a role that has no such name.</returns>
    public static string? Known(string name) => name.ToLowerInvariant() switch
    {
        "user" or "human" or "prompter" => "user",
        "assistant" or "gpt" or "chatgpt" or "bot" or "model" or "ai" or "chatbot" => "assistant",
        "system" => "system",
        "tool" or "observation" or "function_response" => "tool",
        _ => null,
    };
}
