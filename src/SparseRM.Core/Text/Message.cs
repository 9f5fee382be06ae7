namespace SparseRM.Text;

/// <summary>One turn of a dialogue.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>, as chat templates name them.</param>
/// <param name="Content">The turn's text; marks in it that look like special tokens are text. Null where the turn has none (a bare tool call).</param>
public readonly record struct Message(string Role, string? Content)
{
    /// <summary>
    /// Every other field of the message, as it was given (<c>tool_calls</c>, <c>reasoning_content</c>, <c>name</c>, ..), or null where there is none.
    /// <c>content</c> stands here only as an explicit null.
    /// </summary>
    public JsonFields? Fields { get; init; }
}
