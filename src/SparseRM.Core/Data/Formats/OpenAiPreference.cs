using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>OpenAI's preference fine-tuning: <c>input</c> with messages and tools, and one preferred and one other answer.</summary>
internal static class OpenAiPreference
{
    public static PreferenceFormat Format { get; } = new(
        "openai-preference", "input with messages, preferred_output, non_preferred_output",
        row => row.HasAll("input", "preferred_output", "non_preferred_output"), (row, _) => Read(row));

    private static PreferenceItem Read(DataRow row)
    {
        JsonElement value = DataRow.Structured(row.Field("input"));
        if (value.ValueKind != JsonValueKind.Object) throw row.Refuse($"field 'input' must be an object with messages, found {DataRow.Kind(value)}");
        DataRow input = row.Inner(value);
        if (input.Problem is { } problem) throw row.Refuse(problem);
        PreferenceItem item = Dialogue.Item(row, PromptColumns.Read(input), Answer(row, "preferred_output"), Answer(row, "non_preferred_output"));
        return item with { Arguments = TemplateArguments.Read(input) ?? item.Arguments };
    }

    private static IReadOnlyList<Message> Answer(DataRow row, string name) => Dialogue.Answer(row, name);
}
