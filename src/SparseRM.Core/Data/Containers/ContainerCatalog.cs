using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>Tells which container a file is, by its first bytes and then by its name, and reads its rows.</summary>
internal static class ContainerCatalog
{
    /// <summary>The container's name and its rows; of a JSON document with several splits those of one.</summary>
    /// <exception cref="DataFormatException">The file is empty, or no file of its kind; or a split is named that it has not.</exception>
    public static (string Name, IEnumerable<DataRow> Rows) Open(DataSource source, string? split)
    {
        if (source.IsOfSplit) split = null;
        (string name, IEnumerable<DataRow> rows) = Open(source, split, out bool hasSplits);
        if (split is not null && !hasSplits)
            throw new DataFormatException(source.Path, 0, $"has no splits, so that '{split}' cannot be chosen; leave the option split out");
        return (name, rows);
    }

    private static (string Name, IEnumerable<DataRow> Rows) Open(DataSource source, string? split, out bool hasSplits)
    {
        hasSplits = false;
        byte[] head = Head(source);
        bool parquet = head.AsSpan().StartsWith("PAR1"u8);
        if (parquet && source.IsGzip) throw new DataFormatException(source.Path, 0, "is parquet inside gzip; unpack it first (gunzip)");
        if (parquet) return ("parquet", ParquetRows.Read(source.Path, source.Rewind()));
        if (source.Extension == ".parquet") throw new DataFormatException(source.Path, 0, "does not begin with PAR1, so it is no parquet file");

        ReadOnlySpan<byte> text = head.AsSpan().StartsWith("\uFEFF"u8) ? head.AsSpan(3) : head;
        text = text.TrimStart(" \t\r\n"u8);
        if (text.IsEmpty) throw new DataFormatException(source.Path, 0, "is empty");
        if (source.Extension is ".csv" or ".tsv") return Csv(source, text);
        if (text[0] == '[') return ("json", JsonDocumentRows.Read(source.Path, source.Rewind(), split));
        (bool isRow, bool isWrapper) = text[0] == '{' ? FirstLine(source) : (false, false);
        if ((isRow && !isWrapper) || (IsLines(source) && !isWrapper))
            return ("jsonl", JsonLines.Read(source.Path, source.Rewind()));
        hasSplits = text[0] == '{';
        if (text[0] == '{' || source.Extension == ".json") return ("json", JsonDocumentRows.Read(source.Path, source.Rewind(), split));
        return Csv(source, text);
    }

    private static (string Name, IEnumerable<DataRow> Rows) Csv(DataSource source, ReadOnlySpan<byte> head)
        => ("csv", CsvRows.Read(source.Path, source.Rewind(), CsvRows.Separator(head)));

    private static bool IsLines(DataSource source) => source.Extension is ".jsonl" or ".ndjson";

    private static byte[] Head(DataSource source)
    {
        var head = new byte[1 << 12];
        int n = source.Rewind().ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return head[..n];
    }

    // A .json file is jsonl more often than its name says; a pretty-printed document has an unfinished first line, and one that is
    // a table has no second.
    private static (bool IsRow, bool IsWrapper) FirstLine(DataSource source)
    {
        using IEnumerator<DataRow> rows = JsonLines.Read(source.Path, source.Rewind()).GetEnumerator();
        try
        {
            if (!rows.MoveNext() || rows.Current.Problem is not null) return (false, false);
            return (true, (IsLines(source) ? JsonTable.IsTableAndNoRow(rows.Current.Source) : JsonTable.IsWrapper(rows.Current.Source)) && !rows.MoveNext());
        }
        catch (DataFormatException)
        {
            // Longer than a line may be; a document may be longer.
            return (false, false);
        }
    }
}
