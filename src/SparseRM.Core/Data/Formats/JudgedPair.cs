using System.Globalization;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Two answers in columns of their own, and a column that says which one is preferred.</summary>
internal static class JudgedPair
{
    private const int First = -1, Neither = 0, Second = 1;

    /// <summary>HelpSteer3 and HelpSteer2: -3 is for the first answer, 3 for the second.</summary>
    public static PreferenceFormat HelpSteer { get; } = new(
        "helpsteer", "context or prompt, response1, response2, overall_preference (or response_1, response_2, preference_strength)",
        row => row.HasAll("response1", "response2", "overall_preference") || row.HasAll("response_1", "response_2", "preference_strength"),
        (row, _) => row.Has("overall_preference")
            ? Read(row, "response1", "response2", Strength(row, "overall_preference"), "overall_preference")
            : Read(row, "response_1", "response_2", Strength(row, "preference_strength"), "preference_strength"))
    { Verdict = row => row.Has("overall_preference") ? (Strength(row, "overall_preference") == First, "overall_preference") : (Strength(row, "preference_strength") == First, "preference_strength") };

    /// <summary>JudgeBench: the label is <c>A&gt;B</c> or <c>B&gt;A</c>.</summary>
    public static PreferenceFormat JudgeBench { get; } = new(
        "judgebench", "question, response_A, response_B, label: \"A>B\" or \"B>A\"",
        row => row.HasAll("response_A", "response_B", "label"),
        (row, _) => Read(row, "response_A", "response_B", Label(row), "label"))
    { Verdict = row => (Label(row) == First, "label") };

    /// <summary>Pairs of SE, stack-exchange-paired: the first answer has more votes.</summary>
    public static PreferenceFormat StackExchange { get; } = new(
        "se-paired", "question, response_j (preferred), response_k", row => row.HasAll("response_j", "response_k"),
        (row, _) => Read(row, "response_j", "response_k", First, "response_j"))
    { Verdict = _ => (true, null) };

    /// <summary>Arena: two whole dialogues and the winner.</summary>
    public static PreferenceFormat Arena { get; } = new(
        "arena", "conversation_a, conversation_b, winner: model_a or model_b", row => row.HasAll("conversation_a", "conversation_b", "winner"),
        (row, _) => Read(row, "conversation_a", "conversation_b", Winner(row), "winner"))
    { Verdict = row => (Winner(row) == First, "winner") };

    /// <summary>SHP: the label is 1 where the first answer is preferred, else 0.</summary>
    public static PreferenceFormat Shp { get; } = new(
        "shp", "history, human_ref_A, human_ref_B, labels: 1 for A, 0 for B", row => row.HasAll("human_ref_A", "human_ref_B", "labels"),
        (row, _) => Read(row, "human_ref_A", "human_ref_B", Labels(row), "labels"))
    { Verdict = row => (Labels(row) == First, "labels") };

    private static PreferenceItem Read(DataRow row, string first, string second, int verdict, string verdictColumn)
    {
        if (verdict == Neither) throw row.Refuse($"field '{verdictColumn}' says that neither answer is preferred; leave such rows out");
        IReadOnlyList<Message> chosen = Dialogue.Answer(row, verdict == First ? first : second), rejected = Dialogue.Answer(row, verdict == First ? second : first);
        return Dialogue.IsWhole(chosen) && Dialogue.IsWhole(rejected)
            ? PromptColumns.Whole(row, chosen, rejected)
            : Dialogue.Item(row, PromptColumns.Read(row), chosen, rejected);
    }

    private static int Labels(DataRow row) => row.Flag(row.Field("labels"), "labels") ? First : Second;

    private static int Strength(DataRow row, string name)
    {
        JsonElement value = row.Field(name);
        string text = value.ValueKind == JsonValueKind.String ? row.Text(value, name) : value.GetRawText();
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double strength) && strength is >= -3 and <= 3
            ? Math.Sign(strength) : throw row.Refuse($"field '{name}' must be a number from -3 to 3, found {DataRow.Kind(value)}");
    }

    private static int Label(DataRow row) => row.Text("label").Trim() switch
    {
        "A>B" or "A>>B" => First,
        "B>A" or "B>>A" or "A<B" or "A<<B" => Second,
        "A=B" or "B=A" => Neither,
        var other => throw row.Refuse($"field 'label' must be A>B or B>A, found '{other}'"),
    };

    private static int Winner(DataRow row) => row.Text("winner").Trim() switch
    {
        "model_a" => First,
        "model_b" => Second,
        "tie" or "tie (bothbad)" or "both_bad" => Neither,
        var other => throw row.Refuse($"field 'winner' must be model_a or model_b, found '{other}'"),
    };
}
