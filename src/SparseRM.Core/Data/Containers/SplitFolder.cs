using System.Text.RegularExpressions;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>
/// A folder of a data set with a file a split, named by it (train.jsonl, test-00000-of-00001.parquet) or by the folder that it
/// lies in (train/0000.parquet).
/// </summary>
internal static partial class SplitFolder
{
    private const int MaxDepth = 12, MostNamed = 12;
    private static readonly string[] s_endings = [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"];
    private static readonly string[] s_unread =
        [".zst", ".bz2", ".xz", ".lz4", ".zip", ".7z", ".tar", ".tgz", ".arrow", ".feather", ".orc", ".avro", ".xlsx", ".xls", ".tfrecord", ".pkl", ".pickle"];

    /// <summary>The one data file of the folder, or the one of a split.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="split">The split; null: the folder has one data file.</param>
    /// <exception cref="DataFormatException">There is no such file, or there are several.</exception>
    public static string FileOf(string folder, string? split)
    {
        try
        {
            string[] all = [.. Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaxDepth }).Order(StringComparer.Ordinal)];
            string[] files = [.. all.Where(IsData)];
            if (all.FirstOrDefault(file => IsUnread(file) && (split is null || SplitOf(folder, file) == split)) is { } unread)
                throw new DataFormatException(folder, 0,
                    $"holds '{Path.GetRelativePath(folder, unread)}', which may be data of {(split is null ? "it" : $"split '{split}'")} and cannot be read; unpack or convert it (jsonl, json, csv or parquet), or give one file");
            string[] found = split is null ? files : [.. files.Where(file => SplitOf(folder, file) == split)];
            string names = Names(files.Select(file => SplitOf(folder, file)).Distinct());
            return found.Length switch
            {
                1 => found[0],
                0 when files.Length == 0 => throw new DataFormatException(folder, 0, "is a folder without a data file (jsonl, json, csv or parquet)"),
                0 => throw new DataFormatException(folder, 0, $"has no split '{split}'; it has {names}"),
                _ when split is null && files.Select(file => SplitOf(folder, file)).Distinct().Count() > 1
                    => throw new DataFormatException(folder, 0, $"is a folder with several splits ({names}); say which one with the option split, or give its file"),
                _ => throw new DataFormatException(folder, 0,
                    $"is a folder in which {(split is null ? "the data" : $"split '{split}'")} lies in {found.Length} files ({Names(found.Select(file => Path.GetRelativePath(folder, file)))}); give one of them, or all as one file"),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException(folder, 0, $"cannot be read ({e.Message.TrimEnd('.')})");
        }
    }

    private static string Names(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(MostNamed).Select(name => $"'{name}'")) + (all.Length > MostNamed ? ", .." : "");
    }

    // config.json, dataset_info.json and their like describe the data.
    private static bool IsData(string path) => s_endings.Contains(Ending(path)) && Path.GetFileName(path)[0] != '.' && !Description().IsMatch(Path.GetFileName(path));

    private static bool IsUnread(string path) => s_unread.Contains(Ending(path)) && Path.GetFileName(path)[0] != '.';

    private static string Ending(string path) => Path.GetExtension(Bare(path)).ToLowerInvariant();

    private static string Bare(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;

    private static string SplitOf(string folder, string file)
    {
        string stem = Shard().Replace(Stem(file), "");
        return stem.Length > 0 ? stem : Path.GetFileName(Path.GetDirectoryName(Path.GetRelativePath(folder, file)) is { Length: > 0 } parent ? parent : folder);
    }

    // Without the ending, and for train.jsonl.zst without both.
    private static string Stem(string file)
    {
        string stem = Path.GetFileNameWithoutExtension(Bare(file));
        return IsUnread(file) && s_endings.Contains(Path.GetExtension(stem).ToLowerInvariant()) ? Path.GetFileNameWithoutExtension(stem) : stem;
    }

    [GeneratedRegex(@"^(part-)?\d+$|-\d+(-of-\d+)?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Shard();

    [GeneratedRegex(@"^(dataset_infos?|dataset_dict|state|config|metadata)\.json$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Description();
}
