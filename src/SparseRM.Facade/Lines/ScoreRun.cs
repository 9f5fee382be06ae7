using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Lines;

/// <summary>Scores lines as they come, a window of them at a time, and writes each window before the next one is looked at.</summary>
/// <param name="scorer">Scores.</param>
/// <param name="options">What is wanted of each answer.</param>
/// <param name="path">The input, for messages.</param>
/// <param name="calibration">Makes probabilities of scores; null where they are not asked for.</param>
/// <param name="skipBad">Whether a bad line has an error in its place; else it ends the run.</param>
/// <param name="say">Says a message of the library in the words of whoever writes the results.</param>
internal sealed class ScoreRun(RewardScorer scorer, ScoreOptions options, ScoreCalibration? calibration, string path, bool skipBad, Func<string, string> say)
{
    // Enough for batches to be full and beginnings to be shared; what is asked for beside scores has values of every token.
    private const int WindowTokens = 1 << 16, WindowTokensWithStates = 1 << 13, FewLines = 8;
    private readonly ScoreLineWriter _writer = new(options, calibration, scorer.Reward.Components.Count > 1);
    private readonly MemoryStream _text = new();
    private bool NeedsStates => options.Explain is not null || options.Novelty || options.PerToken != PerToken.None;

    /// <summary>Lines that were written.</summary>
    public long Lines { get; private set; }

    /// <summary>Lines with an error.</summary>
    public long Bad { get; private set; }

    /// <summary>The first line's error.</summary>
    public string? FirstBad { get; private set; }

    /// <summary>Scores that were written.</summary>
    public long Scores { get; private set; }

    /// <summary>Answers that were cut to the model's context.</summary>
    public long Cut { get; private set; }

    /// <summary>Bytes of the lines that were written.</summary>
    public long Bytes { get; private set; }

    /// <summary>Scores to the end of the input.</summary>
    /// <param name="reader">The lines.</param>
    /// <param name="sink">Where results go.</param>
    /// <param name="isPipe">Whether lines come one by one, so that what is there is scored at once.</param>
    /// <param name="progress">Told after each window.</param>
    /// <param name="cancel">Heard between batches and while there is no line.</param>
    /// <exception cref="DataFormatException">A line is bad and bad ones are not skipped; all lines before it are written.</exception>
    public void Run(LineReader reader, IScoreSink sink, bool isPipe, Action progress, CancellationToken cancel)
    {
        var window = new List<ScoreLine>();
        while (reader.Take(window, NeedsStates ? WindowTokensWithStates : WindowTokens, !isPipe, cancel))
        {
            var priority = isPipe && window.Count <= FewLines ? Priority.Interactive : Priority.Bulk;
            var results = scorer.ScoreAll([.. window.SelectMany(line => line.Answers).OfType<Models.EncodedInput>()], options with { Priority = priority }, null, cancel);
            DataFormatException? bad = null;
            int next = 0;
            foreach (var line in window)
            {
                bad = Write(line, results, ref next, sink);
                if (bad is not null) break;
            }
            sink.EndWindow();
            if (bad is not null) throw bad;
            progress();
        }
    }

    private DataFormatException? Write(ScoreLine line, IReadOnlyList<ScoreResult> results, ref int next, IScoreSink sink)
    {
        var own = new ScoreResult?[line.Answers.Length];
        for (int i = 0; i < own.Length; i++)
        {
            if (line.Answers[i] is not { } answer) continue;
            own[i] = results[next++];
            if (own[i]!.Error is { } error)
            {
                if (!IsOfTheLine(error)) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
                (own[i], line.Problems[i]) = (null, say(error.Message));
                continue;
            }
            (Scores, Cut) = (Scores + 1, Cut + (answer.Dropped > 0 ? 1 : 0));
        }
        if (line.FirstProblem is { } problem)
        {
            var bad = new DataFormatException(path, line.Input.Line, problem);
            if (!skipBad) return bad;
            (Bad, FirstBad) = (Bad + 1, FirstBad ?? bad.Message);
        }
        _text.SetLength(0);
        _writer.Write(_text, line, own, line.FirstProblem);
        sink.Add(line, own, line.FirstProblem, _text.GetBuffer().AsSpan(0, (int)_text.Length));
        (Lines, Bytes) = (Lines + 1, Bytes + line.Bytes);
        return null;
    }

    // A device that fails, or a model that was closed, is no line's fault.
    private static bool IsOfTheLine(Exception error) => SparseRMException.KindOf(error) is ErrorKind.Data or ErrorKind.Numeric or ErrorKind.Model or ErrorKind.Mismatch;
}
