using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// TRL preference data without a prompt column: whole dialogues whose common beginning is the prompt. Plain texts, whose common
/// beginning may be chance, are split only where the user named the format.
/// </summary>
internal static class TrlImplicit
{
    private const string Name = "trl-implicit";

    public static PreferenceFormat Format { get; } = new(
        Name, "chosen, rejected: whole dialogues; also whole texts where the format is named", row => row.HasAll("chosen", "rejected"), Read)
    { HasPrompt = false };

    private static PreferenceItem Read(DataRow row, PreferenceReadOptions options)
    {
        bool named = options.Format == Name;
        IReadOnlyList<Message> chosen = Dialogue.Answer(row, "chosen"), rejected = Dialogue.Answer(row, "rejected");
        if (row.KindOf("chosen") != row.KindOf("rejected"))
            throw row.Refuse("fields 'chosen' and 'rejected' must be of one kind, both text or both message lists");
        if (named && row.KindOf("chosen") == JsonValueKind.String && chosen.Count == 1 && rejected.Count == 1) return Texts(row);
        bool shared = chosen.Take(Dialogue.CommonTurns(chosen, rejected)).Any(message => message.Role == "user");
        if (!shared && !named)
            throw row.Refuse(
                $"has no column that is known to hold the prompt, and 'chosen' and 'rejected' do not begin with the same user turn; it has {row.ColumnList()}; name the prompt's with the option columns (prompt=NAME), or say the format {Name} if there is none");
        return PromptColumns.Whole(row, chosen, rejected);
    }

    private static PreferenceItem Texts(DataRow row)
    {
        if (PromptColumns.Read(row).Count > 0)
            throw row.Refuse($"has a column that may hold the prompt, which {Name} does not read; say the format {TrlExplicit.Format.Name}, or leave the column out");
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
