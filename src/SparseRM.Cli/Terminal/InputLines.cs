using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Cli.Terminal;

/// <summary>Lines of dialogues, texts or ids; whatever is wrong with one names file and line.</summary>
internal static class InputLines
{
    private const string Advice = "fix the line, or go on behind bad lines with --skip-bad";

    /// <summary>Lines of which only tokens are wanted, all of them, so that a bad one is told before any work.</summary>
    /// <param name="session">Can be interrupted while it reads.</param>
    /// <param name="path">The file.</param>
    /// <param name="keepBad">Whether a bad line is kept as a <see cref="BadInput"/>.</param>
    public static IReadOnlyList<ScoreInput> Read(Session session, string path, bool keepBad)
    {
        var options = new ScoreInputOptions { AllowEmpty = true, AllowAnyEnd = true, KeepBad = keepBad };
        try
        {
            return session.Reading(() => ScoreInputFile.Read(path, options).ToList());
        }
        catch (DataFormatException error) when (error.Line > 0)
        {
            throw error.WithAdvice(Advice);
        }
    }

    /// <summary>Runs <paramref name="work"/> on a line; what is wrong with it goes to <paramref name="bad"/> where that is given.</summary>
    /// <param name="path">The file.</param>
    /// <param name="line">The line.</param>
    /// <param name="bad">Counts bad lines; null: a bad line ends the run.</param>
    /// <param name="work">What is done with a good line.</param>
    /// <returns>False for a bad line.</returns>
    /// <exception cref="DataFormatException">The text cannot be tokenized, the template refuses the dialogue, or the input is too long.</exception>
    public static bool At(string path, ScoreInput line, BadLines? bad, Action work)
    {
        DataFormatException problem;
        try
        {
            if (line is BadInput broken) throw broken.Error;
            work();
            return true;
        }
        catch (DataFormatException error)
        {
            problem = error;
        }
        catch (SparseRMException error)
        {
            problem = new DataFormatException(path, line.Line, Wording.OfCommandLine(error.Message));
        }
        if (bad is null) throw problem.WithAdvice(Advice);
        bad.Add(problem);
        return false;
    }

    /// <summary>The one dialogue of a line of that kind; null for text and ids.</summary>
    /// <exception cref="SparseRMException">The line has several answers.</exception>
    public static IReadOnlyList<Message>? Dialogue(ScoreInput line) => line switch
    {
        DialogueInput dialogue => dialogue.Messages,
        AnswerInput answer => [.. answer.Prompt, .. answer.Response],
        AnswersInput => throw new SparseRMException("has several responses; give one line for each"),
        _ => null,
    };
}

/// <summary>Lines that were skipped, counted, with what was wrong with the first one.</summary>
internal sealed class BadLines
{
    private string? _first;

    /// <summary>How many.</summary>
    public long Count { get; private set; }

    /// <summary>What is wrong with the last one.</summary>
    public string? Last { get; private set; }

    /// <summary>Counts one.</summary>
    public void Add(DataFormatException error)
    {
        Count++;
        _first ??= error.Message;
        Last = error.Problem;
    }

    /// <summary>Tells of them, if there are any.</summary>
    public void Tell(Session session, string path)
    {
        if (Count > 0) session.Warn($"bad lines of {path}: {Count}; the first: {_first}");
    }
}
