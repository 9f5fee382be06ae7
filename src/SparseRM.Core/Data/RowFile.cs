using SparseRM.Data.Containers;
using SparseRM.Errors;

namespace SparseRM.Data;

/// <summary>How a file of rows is laid out.</summary>
public enum RowFormat
{
    /// <summary>One JSON object a line.</summary>
    JsonLines,

    /// <summary>The same, packed by gzip.</summary>
    GzipJsonLines,

    /// <summary>parquet.</summary>
    Parquet,
}

/// <summary>A file of rows to score of which any range can be read.</summary>
/// <remarks>
/// A row of jsonl is found by an index that is made once (<c>NAME.rows</c> beside it), one of parquet by its row group. gzip has no such places: it is
/// unpacked from its beginning, twice (once to see that it is whole), whatever the range.
/// </remarks>
public sealed class RowFile
{
    private readonly string? _indexFolder;

    private RowFile(string path, RowFormat format, string? indexFolder) => (Path, Format, _indexFolder) = (path, format, indexFolder);

    /// <summary>The file as it was given.</summary>
    public string Path { get; }

    /// <summary>What it is by its first bytes.</summary>
    public RowFormat Format { get; }

    /// <summary>Looks at a file.</summary>
    /// <param name="path">jsonl, jsonl.gz or parquet; no pipe.</param>
    /// <param name="indexFolder">Where the index lies if the file's own folder cannot be written; null for nowhere.</param>
    /// <exception cref="DataFormatException">There is no such file, or it cannot be sought in.</exception>
    public static RowFile Open(string path, string? indexFolder = null)
    {
        if (path == "-") throw new DataFormatException(path, 0, "rows are taken from a file, not from a pipe; give the file's name");
        using DataSource source = DataSource.OpenStream(path, check: false);
        if (!source.CanSeek) throw new DataFormatException(path, 0, "is a pipe, of which no rows can be taken; give a file");
        var head = new byte[4];
        int n = source.Rewind().ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        bool parquet = head.AsSpan(0, n).SequenceEqual("PAR1"u8);
        if (parquet && source.IsGzip) throw new DataFormatException(path, 0, "is parquet inside gzip; unpack it first (gunzip)");
        return new RowFile(path, parquet ? RowFormat.Parquet : source.IsGzip ? RowFormat.GzipJsonLines : RowFormat.JsonLines, indexFolder);
    }

    /// <summary>How many rows there are.</summary>
    /// <param name="progress">Told of bytes read, where all must be read.</param>
    /// <param name="cancel">Checked meanwhile.</param>
    /// <exception cref="SparseRMException">The file cannot be read to its end, or the index can be written nowhere.</exception>
    public long Count(IProgress<long>? progress = null, CancellationToken cancel = default)
    {
        if (Format == RowFormat.JsonLines) return LineIndex.Open(Path, _indexFolder, progress, cancel).Rows;
        using DataSource source = DataSource.OpenStream(Path);
        if (Format == RowFormat.Parquet) return ParquetRows.Count(Path, source.Rewind());
        long rows = 0;
        foreach (DataRow _ in JsonLines.Read(Path, source.Rewind()))
        {
            cancel.ThrowIfCancellationRequested();
            rows++;
        }
        return rows;
    }

    /// <summary>Rows of a range, as they are enumerated; none where the file ends before it. Bad ones are <see cref="BadInput"/>s.</summary>
    /// <param name="rows">Which.</param>
    /// <param name="cancel">Checked while an index is made.</param>
    /// <exception cref="SparseRMException">On enumeration: the file cannot be read.</exception>
    public IEnumerable<ScoreInput> Read(RowRange rows, CancellationToken cancel = default)
    {
        // Made before the file is opened below, since it may take long.
        var at = Format == RowFormat.JsonLines && rows.Start >= LineIndex.Stride
            ? LineIndex.Open(Path, _indexFolder, null, cancel).Before(rows.Start) : (Row: 0, Offset: 0, Line: 1);
        using DataSource source = DataSource.OpenStream(Path);
        Stream stream = source.Rewind();
        if (at.Offset > 0) RequireLineStart(stream, at.Offset);
        IEnumerable<DataRow> all = Format == RowFormat.Parquet
            ? ParquetRows.Read(Path, stream, rows.Start) : JsonLines.Read(Path, stream, at.Line, rows.Start - at.Row);
        long left = rows.Count;
        if (left <= 0) yield break;
        foreach (ScoreInput row in ScoreInputFile.Of(all, Path, new ScoreInputOptions { KeepBad = true }))
        {
            yield return row;
            if (--left == 0) yield break;
        }
    }

    private void RequireLineStart(Stream stream, long offset)
    {
        stream.Position = offset - 1;
        if (stream.ReadByte() != '\n')
            throw new DataFormatException(Path, 0, $"has another text than its index {Path}.rows knows; remove the index, it is made again");
    }
}
