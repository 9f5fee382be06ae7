using System.Text;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Errors;

namespace SparseRM.Research.Monitoring;

/// <summary>Lines that were scored before: numbers, or objects with <c>score</c> or <c>scores</c>, and <c>novelty</c> or <c>novelties</c> where <c>score --novelty</c> wrote them.</summary>
public static class ScoredStream
{
    /// <summary>The answers of each line, as they come; none of a line whose score is null.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="lines">The lines.</param>
    /// <exception cref="DataFormatException">A line is of another form, or a score is no finite number; names it.</exception>
    public static IEnumerable<IReadOnlyList<Observation>> Read(string path, TextReader lines)
    {
        long number = 0;
        while (lines.ReadLine() is { } line)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            if (JsonLines.Parse(Encoding.UTF8.GetBytes(line.Trim('\uFEFF', ' ', '\t', '\r')), out string problem) is not { } value)
                throw new DataFormatException(path, number, $"{problem}; each line must be a score or an object with score or scores");
            yield return Of(path, number, value);
        }
    }

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
