using System.Globalization;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// A prompt with any number of answers, each with a rank (1 is best) or a score (more is better), beside it or in a list of its
/// own: UltraFeedback, Nectar. The best answers are chosen, every lower one is rejected.
/// </summary>
internal static class Ranked
{
    private const string FineGrained = "fine-grained_score";
    private static readonly string[] s_answers = ["completions", "responses", "answers", "generations", "candidates", "outputs", "output", "response"];
    private static readonly string[] s_texts = ["response", "completion", "answer", "output", "text", "content"];
    private static readonly (string Name, bool HighIsBest)[] s_marks =
    [
        ("ranks", false), ("rank", false), ("scores", true), ("score", true), ("ratings", true), ("rating", true), ("overall_score", true),
        (FineGrained, true),
    ];

    public static PreferenceFormat Format { get; } = new(
        "ranked", "prompt, completions with scores or ranks, in them or beside them", row => PromptColumns.Any(row) && Column(row) is not null, (row, _) => Read(row));

    private static string? Column(DataRow row) => s_answers.FirstOrDefault(name => row.Has(name) && IsMarked(row, name));

    private static bool IsMarked(DataRow row, string name)
    {
        JsonElement list = DataRow.Structured(row.Field(name));
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0) return false;
        // One text or one score beside a list is of the row, not of the answers.
        return s_marks.Any(mark => row.Has(mark.Name) && (IsPlural(name) || DataRow.Structured(row.Field(mark.Name)).ValueKind == JsonValueKind.Array))
            || list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object
            && s_texts.Any(text => item.TryGetProperty(text, out _)) && s_marks.Any(mark => item.TryGetProperty(mark.Name, out _)));
    }

    private static PreferenceItem Read(DataRow row)
    {
        string column = Column(row) ?? throw row.Refuse("has no list of completions with scores or ranks");
        IReadOnlyList<JsonElement> items = row.Items(row.Field(column), column);
        (double[] marks, bool highIsBest, string what) = Marks(row, column, items);
        double best = highIsBest ? marks.Max() : marks.Min();
        var answers = items.Select((item, i) => (Answer: Answer(row, item, $"{column}[{i}]"), IsBest: marks[i] == best)).ToLookup(item => item.IsBest, item => item.Answer);
        if (!answers[false].Any()) throw row.Refuse($"every answer has the same {what}, so that none is preferred; leave such rows out");
        return Dialogue.Item(row, PromptColumns.Read(row), [.. answers[true]], [.. answers[false]]);
    }

    // Alpaca's two answers, the preferred one first, are under these names too.
    private static bool IsPlural(string name) => name is not ("output" or "response");

    // The first marks that are there; all others must prefer the same answers. UltraFeedback's own two scores often do not.
    private static (double[] Marks, bool HighIsBest, string What) Marks(DataRow row, string column, IReadOnlyList<JsonElement> items)
    {
        (double[] Marks, bool HighIsBest, string What)? taken = null;
        foreach ((string name, bool highIsBest) in s_marks)
        {
            if ((name == FineGrained && taken?.What == "overall_score") || Values(row, column, items, name) is not { } marks) continue;
            if (taken is not { } first) taken = (marks, highIsBest, name);
            else if (!Best(first.Marks, first.HighIsBest).SequenceEqual(Best(marks, highIsBest)))
                throw row.Refuse($"'{first.What}' ({Direction(first.HighIsBest)}) and '{name}' ({Direction(highIsBest)}) prefer other answers; leave one of them out");
        }
        return taken ?? throw row.Refuse($"not every answer in '{column}' has a score or a rank");
    }

    private static string Direction(bool highIsBest) => highIsBest ? "more is better" : "1 is best";

    private static IEnumerable<bool> Best(double[] marks, bool highIsBest) => marks.Select(mark => mark == (highIsBest ? marks.Max() : marks.Min()));

    private static double[]? Values(DataRow row, string column, IReadOnlyList<JsonElement> items, string name)
    {
        if (row.Has(name))
        {
            IReadOnlyList<JsonElement> marks = row.Items(row.Field(name), name);
            return marks.Count == items.Count ? [.. marks.Select((mark, i) => Number(row, mark, $"{name}[{i}]"))]
                : throw row.Refuse($"'{column}' has {items.Count} answers and '{name}' {marks.Count} values; they must be as many");
        }
        return items.All(item => item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out _))
            ? [.. items.Select((item, i) => Number(row, item.GetProperty(name), $"{column}[{i}].{name}"))] : null;
    }

    private static IReadOnlyList<Message> Answer(DataRow row, JsonElement item, string at)
    {
        if (item.ValueKind == JsonValueKind.Object && !Messages.IsMessage(item))
            foreach (string name in s_texts)
                if (item.TryGetProperty(name, out JsonElement text)) return Dialogue.Answer(row, text, $"{at}.{name}");
        return Dialogue.Answer(row, item, at);
    }

    private static double Number(DataRow row, JsonElement value, string name)
    {
        string text = value.ValueKind == JsonValueKind.String ? row.Text(value, name) : value.GetRawText();
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number : throw row.Refuse($"field '{name}' must be a number, found {DataRow.Kind(value)}");
    }
}
