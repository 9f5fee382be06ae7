using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Research.Alignment;

/// <summary>The scores that a line has beside its answers.</summary>
internal static class ScoreField
{
    /// <summary>The field <c>score</c>; null where it is null.</summary>
    public static float? One(string path, ScoreInput line) => Value(path, line.Line, "score", Field(path, line, "score"));

    /// <summary>The field <c>scores</c>, one each; null where one is null.</summary>
    public static float?[] Many(string path, ScoreInput line, int answers)
    {
        var list = Field(path, line, "scores");
        if (list.ValueKind != JsonValueKind.Array) throw new DataFormatException(path, line.Line, "field 'scores' must be a list with a score for each answer");
        if (list.GetArrayLength() != answers)
            throw new DataFormatException(path, line.Line, $"field 'scores' has {list.GetArrayLength()} scores for {answers} answers; give one for each, null where there is none");
        return [.. list.EnumerateArray().Select((value, i) => Value(path, line.Line, $"scores[{i}]", value))];
    }

    /// <summary>What is wrong with scores that are all equal.</summary>
    public static string AllEqual(long count, float score) =>
        FormattableString.Invariant($"all {count} scores are {score}, so they prefer no answer to another; a model that failed often writes such a file");

    private static JsonElement Field(string path, ScoreInput line, string name) => line.Source.TryGetProperty(name, out var value) ? value
        : throw new DataFormatException(path, line.Line, $"has no field '{name}'; score the answers first (sparserm score)");

    private static float? Value(string path, long line, string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double score) && float.IsFinite((float)score)) return (float)score;
        throw new DataFormatException(path, line, $"field '{name}' is no score; a score must be a finite number, or null where there is none");
    }
}
