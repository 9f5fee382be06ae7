using System.Text;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Research.Runs;

/// <summary>A file that grows by a line a run, whole lines only: what was stopped goes on from it.</summary>
internal sealed class LineLog : IDisposable
{
    private readonly string _path, _header;
    private readonly List<string> _lines = [];
    private readonly Func<string, Stream> _append;
    private readonly bool _isCut;
    private Stream? _file;
    private long _whole;
    private SparseRMException? _failure;

    private LineLog(string path, string header, string work, Func<string, Stream> append)
    {
        (_path, _header, _append) = (path, header, append);
        string text = File.Exists(path) ? File.ReadAllText(path) : "";
        if (text.Length == 0) return;
        string[] lines = text.Split('\n');
        if (lines[0] != header) throw Refused(1, $"is not the first line of {work}; name another output, or remove the file");
        // The part after the last line end is empty, or half a line of a run that was killed.
        _lines.AddRange(lines[1..^1]);
        _isCut = text[^1] != '\n';
    }

    /// <summary>Lines behind the first.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Reads a file, where there is one; the first line that is added makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">Its first line; a file that begins otherwise is refused.</param>
    /// <param name="work">Of what its lines are, as in "a sweep".</param>
    /// <param name="append">Opens the file to add to it, without a buffer; null: as the system does.</param>
    /// <exception cref="SparseRMException">The file cannot be read, or is something else.</exception>
    public static LineLog Open(string path, string header, string work, Func<string, Stream>? append = null)
    {
        NamedPipe.Refuse(path);
        try
        {
            return new LineLog(path, header, work, append ?? Append);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be read ({error.Message})", error);
        }
    }

    /// <summary>Takes half a line of a killed run away, once the whole ones were found good: whoever reads the file would find it.</summary>
    /// <exception cref="SparseRMException">The file cannot be written.</exception>
    public void Mend()
    {
        if (_isCut) Guard(() => _file ??= Begin());
    }

    /// <summary>Adds a line. Where that failed once no other is added: it would follow half a line, or a gap.</summary>
    /// <exception cref="SparseRMException">It cannot be written.</exception>
    public void Add(string line)
    {
        if (_failure is not null) throw _failure;
        byte[] bytes = Encoding.UTF8.GetBytes(line + "\n");
        Guard(() =>
        {
            _file ??= Begin();
            _file.Write(bytes);
        });
        _whole += bytes.Length;
        _lines.Add(line);
    }

    // Not a DataFormatException: to that the advice of preference data is added, and this file is the study's own.
    /// <summary>The refusal of a line, from 1.</summary>
    public SparseRMException Refused(int line, string problem) => new($"{_path}, line {line}: {problem}");

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private static FileStream Append(string path) => new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    private void Guard(Action write)
    {
        try
        {
            write();
        }
        // The last is what .NET makes of a limit on the size of files.
        catch (Exception error) when (error is SparseRMException or IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            TakeBack();
            string problem = error is ArgumentOutOfRangeException ? "the file would be larger than is allowed there" : error.Message.TrimEnd('.');
            _failure = error as SparseRMException ?? new($"{_path}: cannot be written ({problem}); what is there already is kept, and the same command goes on from it", error);
            throw _failure;
        }
    }

    /// <summary>Takes half a line away; where even that fails, whoever opens the file next does it.</summary>
    private void TakeBack()
    {
        try
        {
            _file?.SetLength(_whole);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }

    /// <summary>The file is there whole at any time.</summary>
    private Stream Begin()
    {
        var kept = new StringBuilder(_header).Append('\n');
        foreach (string line in _lines) kept.Append(line).Append('\n');
        byte[] bytes = Encoding.UTF8.GetBytes(kept.ToString());
        AtomicFile.Write(_path, stream => stream.Write(bytes));
        _whole = bytes.Length;
        return _append(_path);
    }
}
