using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// TruthfulQA's csv, 817 rows (old) or 790 (2025): the best answer against each incorrect one. Lists are split at semicolons,
/// trimmed, and every answer ends with a full stop (truthfulqa/utilities.py format_best, split_multi_answer). The new column
/// "Best Incorrect Answer" is one of the incorrect answers in other words, so it is not counted again.
/// </summary>
internal static class TruthfulQaCsv
{
    public static PreferenceFormat Format { get; } = new(
        "truthfulqa-csv",
        "Question, Best Answer, Incorrect Answers",
        row => row.HasAll("Question", "Best Answer", "Incorrect Answers"),
        (row, _) => Read(row));

    private static PreferenceItem Read(DataRow row)
    {
        string question = row.Text("Question").Trim(), best = row.Text("Best Answer").Trim();
        string[] incorrect = row.Text("Incorrect Answers").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return Dialogue.Item(row, [new Message("user", question)], [Answer(best)], [.. incorrect.Select(Answer)]);
    }

    private static IReadOnlyList<Message> Answer(string text) => [new Message("assistant", text.Length == 0 || text.EndsWith('.') ? text : text + ".")];
}
