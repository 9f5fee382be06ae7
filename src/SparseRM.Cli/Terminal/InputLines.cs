using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Cli.Terminal;

/// <summary>Lines of dialogues, texts or ids; whatever is wrong with one names file and line.</summary>
internal static class InputLines
{
    /// <summary>All lines, so that a bad one is told before any work.</summary>
    public static IReadOnlyList<ScoreInput> Read(Session session, string path, bool allowEmpty = false) =>
        session.Reading(() => ScoreInputFile.Read(path, allowEmpty).ToList());

    /// <summary>Runs <paramref name="work"/> on a line.</summary>
    /// <exception cref="DataFormatException">The text cannot be tokenized, the template refuses the dialogue, or the input is too long.</exception>
    public static T At<T>(string path, ScoreInput line, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (SparseRMException error) when (error is not DataFormatException)
        {
            throw new DataFormatException(path, line.Line, error.Message);
        }
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
