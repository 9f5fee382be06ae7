using SparseRM.Data;

namespace SparseRM.Cli.Lines;

/// <summary>The lines to score; the first one of a file is read at once, so that a wrong file is told before a model is loaded.</summary>
internal sealed class InputStart : IDisposable
{
    private readonly IEnumerator<ScoreInput> _lines;
    private bool _isRead, _isTaken;

    /// <summary>Opens them.</summary>
    /// <param name="path">The file; "-" is standard input.</param>
    /// <exception cref="Errors.DataFormatException">It cannot be read, or holds no lines.</exception>
    public InputStart(string path)
    {
        Path = path;
        // A pipe has no length, nor has a device.
        Length = path != "-" && File.Exists(path) ? new FileInfo(path).Length : 0;
        IsPipe = path == "-" ? Console.IsInputRedirected && !StandardInputIsFile() : Length == 0;
        _lines = ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true }).GetEnumerator();
        if (path != "-" && (Length > 0 || !File.Exists(path))) _isRead = _lines.MoveNext();
    }

    /// <summary>As it was given.</summary>
    public string Path { get; }

    /// <summary>Bytes of the file; 0 where that is not known.</summary>
    public long Length { get; }

    /// <summary>Whether lines may come one by one.</summary>
    public bool IsPipe { get; }

    /// <summary>The lines that are left; whoever takes them disposes of them.</summary>
    public IEnumerator<ScoreInput> Lines
    {
        get
        {
            _isTaken = true;
            return Rest();
        }
    }

    /// <summary>Passes over the lines that have results.</summary>
    public int GoBehind(KeptResults kept, bool keepBad)
    {
        bool wasRead = _isRead;
        using var all = Rest();
        _isRead = kept.Compare(all, Path, keepBad) || (kept.Lines == 0 && wasRead);
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isTaken) _lines.Dispose();
    }

    private IEnumerator<ScoreInput> Rest()
    {
        if (_isRead)
        {
            _isRead = false;
            yield return _lines.Current;
        }
        while (_lines.MoveNext()) yield return _lines.Current;
    }

    // A file that is redirected to standard input is there as a whole.
    private static bool StandardInputIsFile()
    {
        using var input = Console.OpenStandardInput();
        return input.CanSeek;
    }
}
