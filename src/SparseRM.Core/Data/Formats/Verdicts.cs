using System.Globalization;
using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>
/// The columns of a row that say which of its two answers is preferred, beside the one that its format reads. A row in which one
/// of them says the opposite is refused; a tie contradicts nothing.
/// </summary>
internal static class Verdicts
{
    private static readonly (string Chosen, string Rejected)[] s_scoresOfSides =
        [("chosen_score", "rejected_score"), ("score_chosen", "score_rejected"), ("chosen_rating", "rejected_rating"), ("chosen-rating", "rejected-rating")];

    private static readonly (string First, string Second)[] s_scoresOfPlaces =
        [("score_j", "score_k"), ("score_A", "score_B"), ("score_1", "score_2"), ("score1", "score2"), ("winner_model_a", "winner_model_b")];

    // Below 0 for the first answer, above 0 for the second.
    private static readonly string[] s_strengths = ["overall_preference", "preference_strength"];
    private static readonly string[] s_names = ["winner", "label", "labels", "preference"];

    /// <summary>Refuses a row whose other columns prefer another answer than its format does.</summary>
    /// <param name="row">The row.</param>
    /// <param name="prefersFirst">Whether the format prefers the first of the row's two answers; null where it knows them by the names chosen and rejected, or has many.</param>
    /// <param name="own">The column that the format reads its verdict from, or null.</param>
    public static void Check(DataRow row, bool? prefersFirst, string? own)
    {
        foreach ((string chosen, string rejected) in s_scoresOfSides)
            if (Difference(row, chosen, rejected) < 0) throw row.Refuse($"'{chosen}' is below '{rejected}', so that the row prefers its rejected answer; {Advice}");
        if (prefersFirst is not { } first) return;
        string taken = own is null ? "the order of its answers" : $"'{own}'";
        foreach ((string a, string b) in s_scoresOfPlaces)
            if (Contradicts(Difference(row, a, b))) throw row.Refuse($"'{a}' and '{b}' prefer another answer than {taken}; {Advice}");
        foreach (string name in s_strengths)
            if (name != own && Number(row, name) is { } strength && Contradicts(-strength)) throw row.Refuse($"'{name}' prefers another answer than {taken}; {Advice}");
        foreach (string name in s_names)
        {
            if (name == own || !row.Has(name)) continue;
            if (row.KindOf(name) is JsonValueKind.True or JsonValueKind.False || Number(row, name) is not null)
                throw row.Refuse($"'{name}' may say which answer is preferred, as {taken} does, but not in words that are known (A>B, model_a); {Advice}");
            if (row.KindOf(name) == JsonValueKind.String && Contradicts(Place(row.Text(name)))) throw row.Refuse($"'{name}' prefers another answer than {taken}; {Advice}");
        }

        bool Contradicts(double? lead) => first ? lead < 0 : lead > 0;
    }

    private const string Advice = "leave out the column that is not meant, or the row";

    private static double? Difference(DataRow row, string first, string second)
        => Number(row, first) is { } a && Number(row, second) is { } b ? a.CompareTo(b) : null;

    private static double? Number(DataRow row, string name)
    {
        if (row.KindOf(name) is not (JsonValueKind.Number or JsonValueKind.String)) return null;
        string text = row.KindOf(name) == JsonValueKind.String ? row.Text(name) : row.Field(name).GetRawText();
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number : null;
    }

    // 1 for the first answer, -1 for the second; 0 for a tie and for words that are no verdict.
    private static double Place(string text) => text.Trim().ToUpperInvariant() switch
    {
        "A>B" or "A>>B" or "B<A" or "B<<A" or "A" or "MODEL_A" or "RESPONSE_A" => 1,
        "B>A" or "B>>A" or "A<B" or "A<<B" or "B" or "MODEL_B" or "RESPONSE_B" => -1,
        _ => 0,
    };
}
