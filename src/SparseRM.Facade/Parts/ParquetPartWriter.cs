using System.Runtime.InteropServices;
using ParquetSharp;
using ParquetSharp.IO;
using SparseRM.Lines;

namespace SparseRM.Parts;

/// <summary>
/// parquet with the columns <c>row</c> (the input's row, from 0), <c>score</c> (null where there is none or the row has several answers), <c>scores</c>
/// (of several answers, else null), <c>error</c> and <c>line</c> (the line of jsonl: all fields of the row with its results).
/// </summary>
/// <remarks>Columns are written as parquet stores them; the library's mapping of .NET types is reflection, which a program compiled ahead of time lacks.</remarks>
internal sealed class ParquetPartWriter : PartWriter
{
    /// <summary>How many columns there are.</summary>
    public const int Columns = 5;

    private const int GroupRows = 16_384;
    private const int GroupBytes = 64 << 20;

    // Definition levels: of an optional value, and of a list of optional values.
    private const short Null = 0, Value = 1, NullList = 0, EmptyList = 1, NullItem = 2, Item = 3;
    private readonly List<long> _rows = [];
    private readonly ParquetCells<float> _score = new(), _scores = new();
    private readonly ParquetTexts _error = new(), _line = new();
    private readonly ManagedOutputStream _stream;
    private readonly ParquetFileWriter _file;

    public ParquetPartWriter(Stream stream)
    {
        _stream = new ManagedOutputStream(stream, leaveOpen: true);
        _file = new ParquetFileWriter(_stream,
            [new Column<long>("row"), new Column<float?>("score"), new Column<float?[]>("scores"), new Column<string>("error"), new Column<string>("line")]);
    }

    public override void Write(long row, ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text)
    {
        _rows.Add(row);
        if (!line.IsList && results[0]?.Score is { } score) _score.Add(Value, 0, score);
        else _score.Add(Null, 0);
        AddScores(line.IsList ? results : null);
        _error.Add(error);
        _line.Add(text.TrimEnd((byte)'\n'));
        if (_rows.Count == GroupRows || _line.Bytes >= GroupBytes) WriteGroup();
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

    private void AddScores(ScoreResult?[]? results)
    {
        if (results is null or []) _scores.Add(results is null ? NullList : EmptyList, 0);
        else
            for (int i = 0; i < results.Length; i++)
            {
                // A list begins where the repetition level is 0.
                short repetition = (short)(i == 0 ? 0 : 1);
                if (results[i]?.Score is { } score) _scores.Add(Item, repetition, score);
                else _scores.Add(NullItem, repetition);
            }
    }

    private void WriteGroup()
    {
        if (_rows.Count == 0) return;
        using var group = _file.AppendRowGroup();
        using (var column = (ColumnWriter<long>)group.NextColumn()) column.WriteBatch(CollectionsMarshal.AsSpan(_rows));
        _rows.Clear();
        _score.WriteTo(group);
        _scores.WriteTo(group);
        _error.WriteTo(group);
        _line.WriteTo(group);
    }
}
