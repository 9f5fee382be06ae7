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
        var skipped = new List<DataFormatException>();
        var pass = new Pass(path, options, skipped.Add);
        List<PreferenceItem> items = [.. pass.Items()];
        return new PreferenceSet(pass.Path, pass.Format!.Name, pass.Container, items, new SkippedRows(0, []).And(skipped), pass.Hash);
    }

    /// <summary>The items of <see cref="Read"/> one by one, so that memory does not grow with the file where its container is read row by row
    /// (jsonl, csv, parquet) and its format is not <c>trl-unpaired</c>.</summary>
    /// <param name="path">The file; standard input and pipes are read into memory.</param>
    /// <param name="options">How it is read.</param>
    /// <param name="skipped">Told of each bad row that is left out; needed only with <see cref="PreferenceReadOptions.SkipBad"/>.</param>
    /// <exception cref="DataFormatException">On enumeration, as <see cref="Read"/>; items before a bad row have been given already.</exception>
    /// <exception cref="ArgumentException">As <see cref="Read"/>.</exception>
    public static IEnumerable<PreferenceItem> Stream(string path, PreferenceReadOptions? options = null, Action<DataFormatException>? skipped = null) =>
        new Pass(path, options ?? new PreferenceReadOptions(), skipped ?? (_ => { })).Items();

    /// <summary>One pass over a file.</summary>
    private sealed class Pass
    {
        private readonly PreferenceReadOptions _options;
        private readonly Action<DataFormatException> _skipped;
        private long _seen, _given;
        private DataFormatException? _first;

        public Pass(string path, PreferenceReadOptions options, Action<DataFormatException> skipped)
        {
            if (options.Limit is < 1) throw new ArgumentException("Limit must be at least 1", nameof(options));
            if (options.Columns.Keys.FirstOrDefault(name => !PreferenceReadOptions.ColumnNames.Contains(name)) is { } unknown)
                throw new ArgumentException($"no column is called '{unknown}'; known: {string.Join(", ", PreferenceReadOptions.ColumnNames)}", nameof(options));
            (Path, _options, _skipped) = (path, options, skipped);
            Format = options.Format is { } name ? FormatCatalog.Named(name) : null;
        }

        // The file itself where a folder was given; these three are known once the pass has begun.
        public string Path { get; private set; }

        public string Container { get; private set; } = "";

        public string Hash { get; private set; } = "";

        public PreferenceFormat? Format { get; private set; }

        public IEnumerable<PreferenceItem> Items()
        {
            using DataSource source = Guarded(() => DataSource.Open(Path, _options.Split));
            (Path, Hash) = (source.Path, source.Hash);
            (Container, IEnumerable<DataRow> rows) = Guarded(() => ContainerCatalog.Open(source, _options.Split));
            using IEnumerator<DataRow> each = rows.GetEnumerator();
            var halves = new List<PreferenceItem>();
            while (_given != _options.Limit && Guarded(each.MoveNext))
            {
                _seen++;
                if (Attempt(() => ItemOf(each.Current)) is not { } item) continue;
                if (!Format!.IsPaired) halves.Add(item);
                else
                {
                    _given++;
                    yield return item;
                }
            }
            if (Format is { IsPaired: false })
            {
                string unit = Container is "json" or "parquet" ? "row" : "line";
                foreach (PreferenceItem item in TrlUnpaired.Gather(halves).TakeWhile(_ => _given != _options.Limit))
                {
                    if (Attempt(() => Checked(item, problem => new DataFormatException(Path, item.Line, problem, unit))) is not { } whole) continue;
                    _given++;
                    yield return whole;
                }
            }
            if (_seen == 0) throw new DataFormatException(Path, 0, "holds no rows");
            if (_given == 0) throw new DataFormatException(Path, 0, $"none of its {_seen} rows is usable; the first says: {_first!.Message}");
        }

        private PreferenceItem ItemOf(DataRow row)
        {
            if (row.Problem is { } problem) throw row.Refuse(problem);
            DataRow named = row.WithNames(_options.Columns);
            // A bad first row says nothing about the rows behind it.
            PreferenceFormat format = Format ?? FormatCatalog.Detect(named, wholeFile: !_options.SkipBad);
            Messages.RefuseMedia(named);
            PreferenceItem item = format.Read(named, _options);
            (bool First, string? Column)? verdict = format.Verdict?.Invoke(named);
            Verdicts.Check(named, verdict?.First, verdict?.Column);
            if (format.IsPaired) PreferenceFile.Check(item, format, problem => row.Refuse(problem));
            else if (item.Chosen.Concat(item.Rejected).Any(ItemRules.IsBlank)) throw row.Refuse("the completion is empty");
            Format = format;
            return item;
        }

        private PreferenceItem Checked(PreferenceItem item, Func<string, DataFormatException> refuse)
        {
            PreferenceFile.Check(item, Format!, refuse);
            return item;
        }

        private PreferenceItem? Attempt(Func<PreferenceItem> read)
        {
            try
            {
                return Guarded(read);
            }
            // Line 0 is the file as a whole: nothing to skip.
            catch (DataFormatException e) when (_options.SkipBad && e.Line > 0)
            {
                if (_first is null || e.Line < _first.Line) _first = e;
                _skipped(e);
                return null;
            }
        }

        private T Guarded<T>(Func<T> read)
        {
            try
            {
                return read();
            }
            catch (Exception e) when (e is IOException or InvalidDataException or OutOfMemoryException)
            {
                throw new DataFormatException(Path, 0, $"cannot be read to its end ({e.Message.TrimEnd('.')})");
            }
        }
    }

    private static void Check(PreferenceItem item, PreferenceFormat format, Func<string, DataFormatException> refuse)
    {
        if (ItemRules.Problem(item, format.HasPrompt, format.Name) is { } problem) throw refuse(problem);
    }
}
