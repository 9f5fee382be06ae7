using ParquetSharp;
using ParquetSharp.IO;
using SparseRM.Lines;

namespace SparseRM.Parts;

/// <summary>
/// parquet with the columns <c>row</c> (the input's row, from 0), <c>score</c> (null where there is none or the row has several answers), <c>scores</c>
/// (of several answers, else null), <c>error</c> and <c>line</c> (the line of jsonl: all fields of the row with its results).
/// </summary>
internal sealed class ParquetPartWriter : PartWriter
{
    /// <summary>How many columns there are.</summary>
    public const int Columns = 5;

    private const int GroupRows = 16_384;
    private const long GroupBytes = 64 << 20;
    private readonly List<(long Row, float? Score, float?[]? Scores, string? Error, string Line)> _rows = [];
    private readonly ManagedOutputStream _stream;
    private readonly ParquetFileWriter _file;
    private long _bytes;

    public ParquetPartWriter(Stream stream)
    {
        _stream = new ManagedOutputStream(stream, leaveOpen: true);
        _file = new ParquetFileWriter(_stream,
            [new Column<long>("row"), new Column<float?>("score"), new Column<float?[]>("scores"), new Column<string>("error"), new Column<string>("line")]);
    }

    public override void Write(long row, ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text)
    {
        float?[]? scores = line.IsList ? [.. results.Select(result => result?.Score)] : null;
        _rows.Add((row, line.IsList ? null : results[0]?.Score, scores, error, System.Text.Encoding.UTF8.GetString(text.TrimEnd((byte)'\n'))));
        _bytes += text.Length;
        if (_rows.Count == GroupRows || _bytes >= GroupBytes) WriteGroup();
    }

    public override void Finish()
    {
        WriteGroup();
        _file.Close();
    }

    public override void Dispose()
    {
        _file.Dispose();
        _stream.Dispose();
    }

    private void WriteGroup()
    {
        if (_rows.Count == 0) return;
        using var group = _file.AppendRowGroup();
        Column(group, row => row.Row);
        Column(group, row => row.Score);
        Column(group, row => row.Scores!);
        Column(group, row => row.Error!);
        Column(group, row => row.Line);
        _rows.Clear();
        _bytes = 0;
    }

    private void Column<T>(RowGroupWriter group, Func<(long Row, float? Score, float?[]? Scores, string? Error, string Line), T> value)
    {
        using var column = group.NextColumn().LogicalWriter<T>();
        column.WriteBatch([.. _rows.Select(value)]);
    }
}
