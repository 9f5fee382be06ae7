using SparseRM.Data;

namespace SparseRM.Lines;

/// <summary>Reads and encodes lines ahead on a thread of its own, so that a waiting input costs no line that is there.</summary>
internal sealed class LineReader : IDisposable
{
    private const int MaxLines = 2048;
    private const long MaxBytes = 64 << 20;
    private readonly BoundedQueue<ScoreLine> _ahead = new(MaxLines, MaxBytes);
    private readonly IEnumerator<ScoreInput> _lines;
    private readonly Func<ScoreInput, ScoreLine> _encode;

    /// <summary>Starts to read.</summary>
    /// <param name="lines">Where to go on; disposed by the thread.</param>
    /// <param name="encode">Encodes a line; thread-safe.</param>
    public LineReader(IEnumerator<ScoreInput> lines, Func<ScoreInput, ScoreLine> encode)
    {
        (_lines, _encode) = (lines, encode);
        // In the background: a read that waits for a pipe must not keep the process.
        new Thread(Run) { IsBackground = true, Name = "line reader" }.Start();
    }

    /// <summary>Takes the next lines.</summary>
    /// <param name="window">Receives them.</param>
    /// <param name="tokens">Tokens at most.</param>
    /// <param name="fill">Whether to wait for as many as may be taken.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <returns>False at the end.</returns>
    /// <exception cref="Errors.DataFormatException">The input cannot be read on.</exception>
    public bool Take(List<ScoreLine> window, long tokens, bool fill, CancellationToken cancel) => _ahead.Take(window, MaxLines, line => line.Tokens, tokens, fill, cancel);

    /// <summary>Stops the thread at its next line.</summary>
    public void Dispose() => _ahead.Abandon();

    private void Run()
    {
        Exception? failure = null;
        try
        {
            using (_lines)
                while (_lines.MoveNext() && _encode(_lines.Current) is var line && _ahead.Add(line, line.Bytes))
                {
                }
        }
        catch (Exception error)
        {
            // Told where the lines are taken.
            failure = error;
        }
        _ahead.Complete(failure);
    }
}
