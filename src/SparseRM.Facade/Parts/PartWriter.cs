using System.IO.Compression;
using SparseRM.Data;
using SparseRM.Lines;

namespace SparseRM.Parts;

/// <summary>Writes the rows of a part in one of its formats.</summary>
internal abstract class PartWriter : IDisposable
{
    /// <summary>The writer of a format.</summary>
    public static PartWriter Of(RowFormat format, Stream stream) => format switch
    {
        RowFormat.Parquet => new ParquetPartWriter(stream),
        RowFormat.GzipJsonLines => new Gzipped(stream),
        _ => new Plain(stream),
    };

    /// <summary>What a part's name ends with.</summary>
    public static string EndingOf(RowFormat format) => format switch
    {
        RowFormat.Parquet => ".parquet",
        RowFormat.GzipJsonLines => ".jsonl.gz",
        _ => ".jsonl",
    };

    /// <summary>Writes a row.</summary>
    /// <param name="row">Its number in the input, from 0.</param>
    /// <param name="line">The row.</param>
    /// <param name="results">One for each answer; null where it has none.</param>
    /// <param name="error">Why not all have a score.</param>
    /// <param name="text">The line of jsonl.</param>
    public abstract void Write(long row, ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text);

    /// <summary>Writes what is left; the stream stays open.</summary>
    public abstract void Finish();

    /// <inheritdoc/>
    public virtual void Dispose() { }

    private sealed class Plain(Stream stream) : PartWriter
    {
        public override void Write(long row, ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text) => stream.Write(text);

        public override void Finish() { }
    }

    // A member ends before each row whose number the size divides, so that parts cut there are together what one part of all rows is.
    private sealed class Gzipped(Stream stream) : PartWriter
    {
        private const int MemberRows = 1024;
        private GZipStream? _member;

        public override void Write(long row, ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text)
        {
            if (row % MemberRows == 0) Finish();
            (_member ??= new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true)).Write(text);
        }

        public override void Finish()
        {
            _member?.Dispose();
            _member = null;
        }
    }
}
