using SparseRM.Cli.Terminal;
using SparseRM.Lines;
using SparseRM.Weights;

namespace SparseRM.Cli.Lines;

/// <summary>Where results go as they come: standard output, a device, or what will be a file.</summary>
internal sealed class ResultSink : IScoreSink, IDisposable
{
    private readonly string? _path;
    private readonly Stream? _stream;
    private readonly MemoryStream _window = new();

    private ResultSink(string? path, Stream? stream, KeptResults? kept) => (_path, _stream, Kept) = (path, stream, kept);

    /// <summary>Results of a file, which an earlier run may have begun; null elsewhere.</summary>
    public KeptResults? Kept { get; }

    /// <summary>Opens it.</summary>
    /// <param name="session">Has standard output.</param>
    /// <param name="output">What <c>--output</c> says.</param>
    /// <param name="key">For <see cref="KeptResults.At"/>.</param>
    public static ResultSink Open(Session session, string? output, Func<string> key)
    {
        if (output is null or "-") return new ResultSink(null, session.OpenOutput(), null);
        return AtomicFile.IsDevice(AtomicFile.Target(output))
            ? new ResultSink(output, new FileStream(output, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0), null)
            : new ResultSink(output, null, KeptResults.At(output, key()));
    }

    /// <inheritdoc/>
    public void Add(ScoreLine line, ScoreResult?[] results, string? error, ReadOnlySpan<byte> text) => _window.Write(text);

    /// <summary>Writes whole lines; whoever reads has them when this returns.</summary>
    public void EndWindow()
    {
        var lines = _window.GetBuffer().AsMemory(0, (int)_window.Length);
        _window.SetLength(0);
        if (lines.IsEmpty) return;
        if (_path is null) Pass(lines);
        else OutputFile.Write(_path, () => Pass(lines));
    }

    /// <summary>Says that all is written.</summary>
    public void Finish()
    {
        if (Kept is not null) OutputFile.Write(_path!, Kept.Finish);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kept?.Dispose();
        if (_path is not null) _stream?.Dispose();
    }

    private void Pass(ReadOnlyMemory<byte> lines)
    {
        if (Kept is not null) Kept.Write(lines.Span);
        else
        {
            _stream!.Write(lines.Span);
            _stream.Flush();
        }
    }
}
