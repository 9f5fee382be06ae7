using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Monitoring;

/// <summary>Lines that were scored before: numbers, or objects with <c>score</c> or <c>scores</c>, and <c>novelty</c> or <c>novelties</c> where <c>score --novelty</c> wrote them.</summary>
public static class ScoredStream
{
    /// <summary>The answers of each line, as they come; none of a line whose score is null.</summary>
    /// <param name="path">jsonl, also .gz; - is standard input.</param>
    /// <exception cref="DataFormatException">On enumeration: the file cannot be read, a line is of another form, or a score is no finite number; names it.</exception>
    public static IEnumerable<IReadOnlyList<Observation>> Read(string path) =>
        ScoreLines.Read(path, "a score or an object with score or scores").Select(line => (IReadOnlyList<Observation>)Of(path, line.Line, line.Value));

    private static Observation[] Of(string path, long line, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) return [new Observation([Number(path, line, value)], null)];
        if (Field("score", "scores") is not { } scores) throw new DataFormatException(path, line, "has neither score nor scores; give lines that score wrote");
        if (scores.ValueKind == JsonValueKind.Null) return [];
        var novelty = Field("novelty", "novelties");
        if (scores.ValueKind != JsonValueKind.Array) return [new Observation([Number(path, line, scores)], novelty is { } one ? Number(path, line, one) : null)];
        JsonElement[] each = [.. scores.EnumerateArray()], novelties = novelty is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];
        if (novelty is not null && novelties.Length != each.Length) throw new DataFormatException(path, line, $"has {each.Length} scores and {novelties.Length} novelties; give one for each");
        return [.. each.Select((score, i) => (score, i)).Where(one => one.score.ValueKind != JsonValueKind.Null)
            .Select(one => new Observation([Number(path, line, one.score)], novelty is null ? null : Number(path, line, novelties[one.i])))];

        JsonElement? Field(string name, string names) => value.TryGetProperty(name, out var own) ? own : value.TryGetProperty(names, out own) ? own : null;
    }

    private static float Number(string path, long line, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && float.IsFinite((float)number) ? (float)number
            : throw new DataFormatException(path, line, $"{(value.GetRawText() is { Length: <= 40 } text ? text : "the value")} is no score; a score must be a finite number");
}
