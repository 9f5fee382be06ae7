using System.Text.Json;
using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>Scores that another reward model gave to the answers of a preference set, from a file of JSON lines (also .gz).</summary>
/// <remarks>
/// Either one score a line, a number or <c>{"score": 1.5}</c>, for the answers in the order of the data: item by item, preferred answers before rejected ones; or one
/// item a line, in any order, by its id: <c>{"id": "a7", "chosen": 1.5, "rejected": [0.2, -1]}</c>, a list where an item has several answers on that side.
/// </remarks>
public static class OutsideScores
{
    private const string Forms = "a number, {\"score\": x}, or {\"id\": \"..\", \"chosen\": x, \"rejected\": x} with a list where a side has several answers";

    /// <summary>One entry an item, in the order of the data.</summary>
    /// <param name="path">The file.</param>
    /// <param name="data">The items that were scored.</param>
    /// <exception cref="DataFormatException">A line is of neither form or of the other than the first, a score is no finite number, all scores are
    /// equal, an id is missing, doubled or unknown, or there are too few or too many scores.</exception>
    public static IReadOnlyList<ItemScores> Read(string path, PreferenceSet data)
    {
        var lines = ScoreLines.Read(path, Forms).ToList();
        if (lines.Count == 0) throw new DataFormatException(path, 0, $"holds no scores; each line must be {Forms}");
        var scores = lines[0].Value.ValueKind == JsonValueKind.Object && !lines[0].Value.TryGetProperty("score", out _) ? ById(path, lines, data) : InOrder(path, lines, data);
        float[] all = [.. scores.SelectMany(item => item.Chosen.Concat(item.Rejected))];
        if (all.Length > 1 && Array.TrueForAll(all, score => score == all[0]))
            throw new DataFormatException(path, 0, FormattableString.Invariant($"all {all.Length} scores are {all[0]}, so they prefer no answer to another; a model that failed often writes such a file"));
        return scores;
    }

    private static List<ItemScores> InOrder(string path, List<(long Line, JsonElement Value)> lines, PreferenceSet data)
    {
        int answers = data.Items.Sum(item => item.Chosen.Count + item.Rejected.Count), at = 0;
        float[] scores = [.. lines.Select(line => line.Value.ValueKind == JsonValueKind.Object
            ? Score(path, line.Line, line.Value.TryGetProperty("score", out var score) ? score : throw Mixed(path, line.Line, "one score a line"))
            : Score(path, line.Line, line.Value))];
        if (scores.Length != answers)
        {
            throw new DataFormatException(path, 0,
                $"holds {scores.Length} scores, but {data.Path} has {answers} answers; give one score a line for each answer, item by item, preferred answers before rejected ones");
        }
        return [.. data.Items.Select(item => new ItemScores(Take(item.Chosen.Count), Take(item.Rejected.Count)))];

        float[] Take(int count) => scores[at..(at += count)];
    }

    private static List<ItemScores> ById(string path, List<(long Line, JsonElement Value)> lines, PreferenceSet data)
    {
        var items = new Dictionary<string, PreferenceItem>(StringComparer.Ordinal);
        foreach (var item in data.Items)
        {
            if (item.Id is null) throw new DataFormatException(data.Path, item.Line, $"the item has no id, and the scores of {path} are told by id; give one score a line instead, in the order of the data");
            if (!items.TryAdd(item.Id, item)) throw new DataFormatException(data.Path, item.Line, $"the id '{item.Id}' occurs twice, so scores cannot be told by id; give one score a line instead");
        }
        var found = new Dictionary<string, ItemScores>(StringComparer.Ordinal);
        foreach (var (line, value) in lines)
        {
            if (value.ValueKind != JsonValueKind.Object) throw Mixed(path, line, "one item a line, by id");
            string id = IdOf(path, line, value);
            if (!items.TryGetValue(id, out var item)) throw new DataFormatException(path, line, $"there is no item with the id '{id}' in {data.Path}");
            var scores = new ItemScores(Side(path, line, value, "chosen", item.Chosen.Count), Side(path, line, value, "rejected", item.Rejected.Count));
            if (!found.TryAdd(id, scores)) throw new DataFormatException(path, line, $"the id '{id}' has scores already on an earlier line; give each item once");
        }
        string[] missing = [.. items.Keys.Where(id => !found.ContainsKey(id))];
        if (missing.Length > 0)
            throw new DataFormatException(path, 0, $"has no scores for {missing.Length} of the {items.Count} items of {data.Path}, the first of them '{missing[0]}'; every item needs its scores");
        return [.. data.Items.Select(item => found[item.Id!])];
    }

    private static string IdOf(string path, long line, JsonElement value) => !value.TryGetProperty("id", out var id)
        ? throw new DataFormatException(path, line, $"has neither score nor id; each line must be {Forms}")
        : id.ValueKind switch
        {
            JsonValueKind.String => id.GetString()!,
            JsonValueKind.Number => id.GetRawText(),
            _ => throw new DataFormatException(path, line, $"the id is {id.GetRawText()}; it must be a text or a number"),
        };

    private static float[] Side(string path, long line, JsonElement value, string side, int count)
    {
        if (!value.TryGetProperty(side, out var scores)) throw new DataFormatException(path, line, $"has no field {side}; each line must be {Forms}");
        float[] found = scores.ValueKind == JsonValueKind.Array ? [.. scores.EnumerateArray().Select(score => Score(path, line, score))] : [Score(path, line, scores)];
        return found.Length == count ? found : throw new DataFormatException(path, line, $"field {side} has {found.Length} scores for {count} answers; give one for each");
    }

    private static float Score(string path, long line, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double score) && float.IsFinite((float)score)) return (float)score;
        throw new DataFormatException(path, line, $"{(value.GetRawText() is { Length: <= 40 } text ? text : "the value")} is no score; a score must be a finite number");
    }

    private static DataFormatException Mixed(string path, long line, string form) => new(path, line, $"is of another form than the first line, which says {form}; use one form throughout");
}
