using System.Text.Json;
using System.Text.RegularExpressions;
using SparseRM.Data.Containers;
using SparseRM.Errors;

namespace SparseRM.Data.Formats;

/// <summary>All formats, the most specific first: the first that matches is taken.</summary>
internal static partial class FormatCatalog
{
    private const int NearestShown = 3;

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
            $"has {row.ColumnList()}, which no known format has; supported: {string.Join("; ", Nearest(row).Select(format => $"{format.Name} ({format.Columns})"))} and {string.Join(", ", All.Except(Nearest(row)).Select(format => format.Name))} (columns: the README's table); any other by the option columns (prompt=NAME, chosen=NAME, rejected=NAME)", wholeFile);
    }

    // By the columns that a format's words name; those of preference pairs, which most files are, where none does.
    private static IEnumerable<PreferenceFormat> Nearest(DataRow row)
        => All.OrderByDescending(format => Words().Matches(format.Columns).Select(word => word.Value).Distinct(StringComparer.OrdinalIgnoreCase).Count(row.Columns.ContainsKey))
            .ThenBy(format => format == TrlExplicit.Format ? 0 : 1).Take(NearestShown);

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();

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
