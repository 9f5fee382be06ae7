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
        PkuSafeRlhf.Format,
        TrlExplicit.Format,
        TrlUnpaired.Format,
        HhRlhf.Format,
        TrlImplicit.Format,
    ];

    public static PreferenceFormat Named(string name) => All.FirstOrDefault(format => format.Name == name)
        ?? throw new ArgumentException($"unknown data format '{name}'; known: {string.Join(", ", All.Select(format => format.Name))}");

    public static PreferenceFormat Detect(string path, DataRow row)
    {
        if (All.FirstOrDefault(format => format.Matches(row)) is { } found) return found;
        string columns = row.Columns.Count == 0 ? "no columns" : "the columns " + string.Join(", ", row.Columns.Keys.Take(20));
        throw new DataFormatException(path, 0,
            $"has {columns}, which no known format has; supported: {string.Join("; ", All.Select(format => $"{format.Name} ({format.Columns})"))}");
    }
}
