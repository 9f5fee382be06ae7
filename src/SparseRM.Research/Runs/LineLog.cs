using System.Text;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Research.Runs;

/// <summary>A file that grows by a line a run, whole lines only: what was stopped goes on from it.</summary>
internal sealed class LineLog : IDisposable
{
    private readonly string _path, _header;
    private readonly List<string> _lines = [];
    private readonly bool _isCut;
    private FileStream? _file;

    private LineLog(string path, string header, string work)
    {
        (_path, _header) = (path, header);
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
    /// <exception cref="SparseRMException">The file cannot be read, or is something else.</exception>
    public static LineLog Open(string path, string header, string work)
    {
        try
        {
            return new LineLog(path, header, work);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be read ({error.Message})", error);
        }
    }

    /// <summary>Takes half a line of a killed run away, once the whole ones were found good: whoever reads the file would find it.</summary>
    public void Mend()
    {
        if (_isCut) _file ??= Begin();
    }

    /// <summary>Adds a line.</summary>
    /// <exception cref="SparseRMException">It cannot be written.</exception>
    public void Add(string line)
    {
        try
        {
            _file ??= Begin();
            _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            _file.Flush();
            _lines.Add(line);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{_path}: cannot be written ({error.Message}); what is there already is kept, and the same command goes on from it", error);
        }
    }

    // Not a DataFormatException: to that the advice of preference data is added, and this file is the study's own.
    /// <summary>The refusal of a line, from 1.</summary>
    public SparseRMException Refused(int line, string problem) => new($"{_path}, line {line}: {problem}");

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    /// <summary>The file is there whole at any time.</summary>
    private FileStream Begin()
    {
        var kept = new StringBuilder(_header).Append('\n');
        foreach (string line in _lines) kept.Append(line).Append('\n');
        AtomicFile.Write(_path, stream => stream.Write(Encoding.UTF8.GetBytes(kept.ToString())));
        return new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read);
    }
}
