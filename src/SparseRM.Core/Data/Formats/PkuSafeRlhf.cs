using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>PKU-SafeRLHF: two responses and the index of the better and of the safer one (safe_rlhf/datasets/raw/safe_rlhf.py).</summary>
internal static class PkuSafeRlhf
{
    public static PreferenceFormat Format { get; } = new(
        "pku-saferlhf",
        "prompt, response_0, response_1, better_response_id, safer_response_id",
        row => row.HasAll("response_0", "response_1") && (row.Has("better_response_id") || row.Has("safer_response_id")),
        Read);

    private static PreferenceItem Read(DataRow row, PreferenceReadOptions options)
    {
        string column = options.Dimension == PreferenceDimension.Safer ? "safer_response_id" : "better_response_id";
        JsonElement id = row.Field(column);
        string text = id.ValueKind == JsonValueKind.String ? row.Text(id, column) : id.GetRawText();
        if (text is not ("0" or "1")) throw row.Refuse($"field '{column}' must be 0 or 1, found {DataRow.Kind(id)}");
        string chosen = "response_" + text, rejected = text == "0" ? "response_1" : "response_0";
        return Dialogue.Item(row, PromptColumns.Read(row), Dialogue.Answer(row, chosen), Dialogue.Answer(row, rejected));
    }
}
