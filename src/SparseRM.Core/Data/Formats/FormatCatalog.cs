using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Errors;

namespace SparseRM.Data.Formats;

/// <summary>All formats, the most specific first: the first that matches is taken.</summary>
internal static class FormatCatalog
{
    public static IReadOnlyList<PreferenceFormat> All { get; } =
    [
        TruthfulQaCsv.Format,
        TruthfulQaMc.Format,
        RewardBench2.Format,
        RewardBench1.Format,
        AnswerLists.Format,
        PkuSafeRlhf.Format,
        JudgedPair.HelpSteer,
        JudgedPair.JudgeBench,
        JudgedPair.StackExchange,
        JudgedPair.Arena,
        JudgedPair.Shp,
        OpenAiPreference.Format,
        TrlExplicit.Format,
        TrlUnpaired.Format,
        Ranked.Format,
        FirstPreferred.Alpaca,
        FirstPreferred.Response,
        HhRlhf.Format,
        TrlImplicit.Format,
    ];

    public static PreferenceFormat Named(string name) => All.FirstOrDefault(format => format.Name == name)
        ?? throw new ArgumentException($"unknown data format '{name}'; known: {string.Join(", ", All.Select(format => format.Name))}");

    /// <summary>The format of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="wholeFile">Whether a row of no known format speaks for the file.</param>
    /// <exception cref="DataFormatException">No format has its columns.</exception>
    public static PreferenceFormat Detect(DataRow row, bool wholeFile)
    {
        if (All.FirstOrDefault(format => format.Matches(row)) is { } found) return found;
        throw row.Refuse(
            $"has {row.ColumnList()}, which no known format has; supported: {string.Join("; ", All.Select(format => $"{format.Name} ({format.Columns})"))}; any other by the option columns (prompt=NAME, chosen=NAME, rejected=NAME)", wholeFile);
    }

    /// <summary>True for a JSON object that looks like a row of some format.</summary>
    public static bool Knows(JsonElement value) => Of(value) is not null;

    /// <summary>True for a JSON object that is a row of some format, to its last field.</summary>
    public static bool Reads(JsonElement value)
    {
        try
        {
            return Of(value)?.Read(DataRow.Of("", 0, value), new PreferenceReadOptions()) is not null;
        }
        catch (DataFormatException)
        {
            return false;
        }
    }

    private static PreferenceFormat? Of(JsonElement value)
    {
        try
        {
            return DataRow.Of("", 0, value) is { Problem: null } row ? All.FirstOrDefault(format => format.Matches(row)) : null;
        }
        catch (DataFormatException)
        {
            return null;
        }
    }
}
