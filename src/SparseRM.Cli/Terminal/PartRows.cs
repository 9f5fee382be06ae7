using System.CommandLine;
using SparseRM.Data;

namespace SparseRM.Cli.Terminal;

/// <summary>Which rows of a file are scored into a part, and how the part is laid out.</summary>
internal static class PartRows
{
    public static Option<RowRange?> Rows { get; } = Choices.Parsed<RowRange?>("--rows",
        "score these rows alone, counted from 0 and END not among them, into the folder that --output names: rows-START-END.jsonl beside a manifest. "
            + "Done again it is left as it is; a bad row has an error in the place of its score",
        "START:END", text => RowRange.Parse(text));

    public static Option<RowFormat?> Format { get; } = Choices.Of<RowFormat?>("--part-format", "how a part is laid out (default: as the input is)",
        ("jsonl", RowFormat.JsonLines), ("jsonl.gz", RowFormat.GzipJsonLines), ("parquet", RowFormat.Parquet));
}
