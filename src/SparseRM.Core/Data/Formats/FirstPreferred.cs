using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>A prompt with a list of two answers, the preferred one first: Alpaca's <c>output</c>, or <c>response</c>.</summary>
internal static class FirstPreferred
{
    public static PreferenceFormat Alpaca { get; } = Of("alpaca", "output", "instruction, input, output: [preferred, other]");

    public static PreferenceFormat Response { get; } = Of("response-pair", "response", "prompt, response: [preferred, other]");

    private static PreferenceFormat Of(string name, string column, string columns) => new(
        name, columns, row => PromptColumns.Any(row) && IsList(row, column), (row, _) => Read(row, column))
    { Verdict = _ => (true, null) };

    private static bool IsList(DataRow row, string column)
        => row.Has(column) && DataRow.Structured(row.Field(column)) is { ValueKind: JsonValueKind.Array } list && !Messages.AreMessages(list);

    private static PreferenceItem Read(DataRow row, string column)
    {
        if (Ranked.Format.Matches(row)) throw row.Refuse($"field '{column}' has scores or ranks, which may differ from the order of its answers; say the format {Ranked.Format.Name}");
        IReadOnlyList<JsonElement> answers = row.Items(row.Field(column), column);
        if (answers.Count != 2) throw row.Refuse($"field '{column}' must hold two answers, the preferred one first, found {answers.Count}");
        return Dialogue.Item(
            row, PromptColumns.Read(row), Dialogue.Answer(row, answers[0], $"{column}[0]"), Dialogue.Answer(row, answers[1], $"{column}[1]"));
    }
}
