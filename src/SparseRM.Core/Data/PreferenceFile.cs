using SparseRM.Data.Containers;
using SparseRM.Data.Formats;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>Reads preference data of any known format from jsonl, json, csv (each also .gz) or parquet.</summary>
public static class PreferenceFile
{
    /// <summary>Names for <see cref="PreferenceReadOptions.Format"/>, the most specific first.</summary>
    public static IReadOnlyList<string> FormatNames { get; } = [.. FormatCatalog.All.Select(format => format.Name)];

    /// <summary>Reads the whole file into memory; "-" is standard input, a folder is its one data file or that of <see cref="PreferenceReadOptions.Split"/>.</summary>
    /// <remarks>
    /// An answer without text or call of a tool, a prompt column without text, and two equal answers are bad rows, as are wrong types
    /// and lone surrogates. A column that may hold the prompt is read, or the row is bad; none is passed over. So is a column
    /// that says which answer is preferred (a score, a label, a winner) and contradicts what the format reads.
    /// </remarks>
    /// <exception cref="DataFormatException">
    /// The file is missing, a folder, empty, damaged or of no known format; or a row is bad and <see cref="PreferenceReadOptions.SkipBad"/> is not set.
    /// </exception>
    /// <exception cref="ArgumentException">An unknown format name, a limit below 1, or a name in the columns that no format has.</exception>
    public static PreferenceSet Read(string path, PreferenceReadOptions? options = null)
    {
        options ??= new PreferenceReadOptions();
        if (options.Limit is < 1) throw new ArgumentException("Limit must be at least 1", nameof(options));
        if (options.Columns.Keys.FirstOrDefault(name => !PreferenceReadOptions.ColumnNames.Contains(name)) is { } unknown)
            throw new ArgumentException($"no column is called '{unknown}'; known: {string.Join(", ", PreferenceReadOptions.ColumnNames)}", nameof(options));
        PreferenceFormat? format = options.Format is { } name ? FormatCatalog.Named(name) : null;
        try
        {
            using DataSource source = DataSource.Open(path, options.Split);
            (string container, IEnumerable<DataRow> rows) = ContainerCatalog.Open(source, options.Split);
            return ReadItems(source, container, rows, format, options);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OutOfMemoryException)
        {
            throw new DataFormatException(path, 0, $"cannot be read to its end ({e.Message.TrimEnd('.')})");
        }
    }

    private static PreferenceSet ReadItems(DataSource source, string container, IEnumerable<DataRow> rows, PreferenceFormat? format, PreferenceReadOptions options)
    {
        var items = new List<PreferenceItem>();
        var skipped = new List<DataFormatException>();
        long seen = 0;
        foreach (DataRow row in rows)
        {
            seen++;
            Attempt(() =>
            {
                if (row.Problem is { } problem) throw row.Refuse(problem);
                DataRow named = row.WithNames(options.Columns);
                // A bad first row says nothing about the rows behind it.
                PreferenceFormat rowFormat = format ?? FormatCatalog.Detect(named, wholeFile: !options.SkipBad);
                Messages.RefuseMedia(named);
                PreferenceItem item = rowFormat.Read(named, options);
                (bool First, string? Column)? verdict = rowFormat.Verdict?.Invoke(named);
                Verdicts.Check(named, verdict?.First, verdict?.Column);
                if (rowFormat.IsPaired) Check(item, rowFormat, problem => row.Refuse(problem));
                else if (item.Chosen.Concat(item.Rejected).Any(ItemRules.IsBlank)) throw row.Refuse("the completion is empty");
                format = rowFormat;
                items.Add(item);
            });
            if (format is { IsPaired: true } && items.Count == options.Limit) break;
        }
        if (format is { IsPaired: false })
        {
            (List<PreferenceItem> halves, items) = (items, []);
            string unit = container is "json" or "parquet" ? "row" : "line";
            foreach (PreferenceItem item in TrlUnpaired.Gather(halves).TakeWhile(_ => items.Count != options.Limit))
                Attempt(() =>
                {
                    Check(item, format, problem => new DataFormatException(source.Path, item.Line, problem, unit));
                    items.Add(item);
                });
        }
        if (seen == 0) throw new DataFormatException(source.Path, 0, "holds no rows");
        if (items.Count == 0) throw new DataFormatException(source.Path, 0, $"none of its {seen} rows is usable; the first says: {Skipped().FirstReasons[0]}");
        return new PreferenceSet(source.Path, format!.Name, container, items, Skipped(), source.Hash);

        SkippedRows Skipped() => new SkippedRows(0, []).And(skipped);

        void Attempt(Action read)
        {
            try
            {
                read();
            }
            // Line 0 is the file as a whole: nothing to skip.
            catch (DataFormatException e) when (options.SkipBad && e.Line > 0)
            {
                skipped.Add(e);
            }
        }
    }

    private static void Check(PreferenceItem item, PreferenceFormat format, Func<string, DataFormatException> refuse)
    {
        if (ItemRules.Problem(item, format.HasPrompt, format.Name) is { } problem) throw refuse(problem);
    }
}
