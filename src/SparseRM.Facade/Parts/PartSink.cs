using System.Security.Cryptography;
using SparseRM.Data;
using SparseRM.Lines;

namespace SparseRM.Parts;

/// <summary>Writes rows to a part and counts and hashes what went through.</summary>
/// <param name="writer">Writes them.</param>
/// <param name="start">The first row.</param>
/// <param name="limit">The row behind the last one that is wanted, which may come down meanwhile.</param>
internal sealed class PartSink(PartWriter writer, long start, Func<long> limit) : IScoreSink, IDisposable
{
    private readonly IncrementalHash _input = IncrementalHash.CreateHash(HashAlgorithmName.SHA256), _lines = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<RowRange> _bad = [];
    private long _next = start;

    /// <summary>The row behind the last one that was written.</summary>
    public long End => Volatile.Read(ref _next);

    /// <summary>Rows with an error.</summary>
    public IReadOnlyList<RowRange> Bad => _bad;

    /// <summary>Scores that were written.</summary>
    public long Scores { get; private set; }

    /// <summary>Answers among them that were cut.</summary>
    public long Truncated { get; private set; }

    /// <summary>SHA-256 of the rows and of the lines so far.</summary>
    public (string Input, string Lines) Hashes => (Convert.ToHexStringLower(_input.GetCurrentHash()), Convert.ToHexStringLower(_lines.GetCurrentHash()));

    /// <inheritdoc/>
    public void Add(ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text)
    {
        if (_next >= limit()) return;
        _input.AppendData(line.Input.Utf8);
        _input.AppendData("\n"u8);
        _lines.AppendData(text);
        writer.Write(_next, line, results, error, text);
        for (int i = 0; i < results.Length; i++)
        {
            if (results[i] is null) continue;
            Scores++;
            if (line.Answers[i]!.Dropped > 0) Truncated++;
        }
        if (error is not null) AddBad(_next);
        Volatile.Write(ref _next, _next + 1);
    }

    /// <inheritdoc/>
    public void EndWindow() { }

    /// <inheritdoc/>
    public void Dispose()
    {
        _input.Dispose();
        _lines.Dispose();
    }

    private void AddBad(long row)
    {
        if (_bad.Count > 0 && _bad[^1].End == row) _bad[^1] = _bad[^1] with { End = row + 1 };
        else _bad.Add(new RowRange(row, row + 1));
    }
}
