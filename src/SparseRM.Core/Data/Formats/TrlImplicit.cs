using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>TRL preference data without a prompt column: whole texts or whole dialogues whose common beginning is the prompt.</summary>
internal static class TrlImplicit
{
    public static PreferenceFormat Format { get; } = new(
        "trl-implicit", "chosen, rejected: whole texts or dialogues", row => row.HasAll("chosen", "rejected"), (row, _) => Read(row))
    { HasPrompt = false };

    private static PreferenceItem Read(DataRow row)
    {
        JsonValueKind kind = row.KindOf("chosen");
        if (kind != row.KindOf("rejected")) throw row.Refuse("fields 'chosen' and 'rejected' must be of one kind, both text or both message lists");
        if (kind != JsonValueKind.String)
            return Dialogue.Split(row, Dialogue.Answer(row, "chosen"), Dialogue.Answer(row, "rejected"));

        string chosen = row.Text("chosen"), rejected = row.Text("rejected");
        int common = CommonPrefix(chosen, rejected);
        IReadOnlyList<Message> prompt = common == 0 ? [] : [new Message("user", chosen[..common])];
        return Dialogue.Item(row, prompt, [new Message("assistant", chosen[common..])], [new Message("assistant", rejected[common..])]);
    }

    // trl's extract_prompt: both keep at least one character, and a space before the split goes to the answers.
    private static int CommonPrefix(string a, string b)
    {
        int most = Math.Max(0, Math.Min(a.Length, b.Length) - 1), common = 0;
        while (common < most && a[common] == b[common]) common++;
        if (common > 0 && (a[common - 1] == ' ' || char.IsHighSurrogate(a[common - 1]))) common--;
        return common;
    }
}
