using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// TruthfulQA's mc_task.json: <c>mc1_targets</c> as {answer: 0 or 1}, or as the parallel <c>choices</c> and <c>labels</c> of the
/// hub's copy. One answer is true; each false one is rejected. Texts are taken as they are; a false answer without text, of which
/// the owner's file has 17, is dropped, as the owner drops it from the csv.
/// </summary>
internal static class TruthfulQaMc
{
    public static PreferenceFormat Format { get; } = new(
        "truthfulqa-mc", "question, mc1_targets", row => row.HasAll("question", "mc1_targets"), (row, _) => Read(row));

    private static PreferenceItem Read(DataRow row)
    {
        var targets = Targets(row, row.Field("mc1_targets")).ToLookup(target => target.IsTrue, target => target.Answer);
        if (targets[true].Count() != 1) throw row.Refuse($"field 'mc1_targets' must have one true answer, found {targets[true].Count()}");
        return Dialogue.Item(
            row, PromptColumns.Read(row), [.. targets[true]], [.. targets[false].Where(answer => !string.IsNullOrWhiteSpace(answer[0].Content))]);
    }

    private static List<(IReadOnlyList<Message> Answer, bool IsTrue)> Targets(DataRow row, JsonElement column)
    {
        JsonElement value = DataRow.Structured(column);
        if (value.ValueKind != JsonValueKind.Object) throw row.Refuse($"field 'mc1_targets' must be an object, found {DataRow.Kind(value)}");
        if (value.TryGetProperty("choices", out JsonElement choices) && value.TryGetProperty("labels", out JsonElement labels)
            && choices.ValueKind == JsonValueKind.Array)
        {
            IReadOnlyList<JsonElement> answers = row.Items(choices, "mc1_targets.choices"), flags = row.Items(labels, "mc1_targets.labels");
            if (answers.Count != flags.Count)
                throw row.Refuse($"field 'mc1_targets' has {answers.Count} choices and {flags.Count} labels; they must be as many");
            return [.. answers.Zip(flags, (answer, flag) => (Answer(row.Text(answer, "mc1_targets.choices")), row.Flag(flag, "mc1_targets.labels")))];
        }
        return [.. value.EnumerateObject().Select(target => (Answer(Name(row, target)), row.Flag(target.Value, "mc1_targets")))];
    }

    private static string Name(DataRow row, JsonProperty target)
    {
        try
        {
            return target.Name;
        }
        catch (InvalidOperationException)
        {
            throw row.Refuse("an answer in 'mc1_targets' holds a lone surrogate, which is not text");
        }
    }

    private static IReadOnlyList<Message> Answer(string text) => [new Message("assistant", text)];
}
