using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>One prompt with the completions that people preferred and those that they rejected, whatever file it came from.</summary>
/// <param name="Prompt">The dialogue before the answer; may be empty where the file has no prompt.</param>
/// <param name="Chosen">Preferred completions, each the messages that follow the prompt (mostly one assistant turn). At least one.</param>
/// <param name="Rejected">Rejected completions. At least one.</param>
/// <param name="Subset">The part of the benchmark or task that the item belongs to, or null.</param>
/// <param name="Id">The file's own id, or null.</param>
/// <param name="Line">Line or row in the file, from 1; 0 where there is none.</param>
public sealed record PreferenceItem(
    IReadOnlyList<Message> Prompt,
    IReadOnlyList<IReadOnlyList<Message>> Chosen,
    IReadOnlyList<IReadOnlyList<Message>> Rejected,
    string? Subset,
    string? Id,
    long Line)
{
    /// <summary>An item of one user turn with a preferred and a rejected answer.</summary>
    public static PreferenceItem Of(string prompt, string chosen, string rejected)
        => new([new Message("user", prompt)], [[new Message("assistant", chosen)]], [[new Message("assistant", rejected)]], null, null, 0);

    /// <summary>What the chat template is given beside the messages (<c>tools</c>, <c>documents</c>, other arguments by name); null for nothing.</summary>
    public JsonFields? Arguments { get; init; }
}
