using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Lines;

/// <summary>A line of the input with the tokens of its answers, or why an answer has none.</summary>
/// <param name="Input">The line.</param>
/// <param name="Answers">Null where there is a problem; one where the line has one answer or cannot be read.</param>
/// <param name="Problems">One for each answer; null where there is none.</param>
internal sealed record ScoreLine(ScoreInput Input, EncodedInput?[] Answers, string?[] Problems)
{
    /// <summary>Whether the line has a list of responses, so that its results are lists.</summary>
    public bool IsList => Input is AnswersInput;

    /// <summary>Tokens of all answers.</summary>
    public long Tokens => Answers.Sum(answer => (long)(answer?.Ids.Length ?? 0));

    /// <summary>Bytes of the line as it was read.</summary>
    public long Bytes => Input.Source.ValueKind == JsonValueKind.Undefined ? 1 : JsonMarshal.GetRawUtf8Value(Input.Source).Length + 1;

    /// <summary>A line whose answers are not scored at all, for a reason that is not theirs.</summary>
    public static ScoreLine Refused(ScoreInput line, string reason)
    {
        int answers = line is AnswersInput list ? list.Responses.Count : 1;
        return new ScoreLine(line, new EncodedInput?[answers], [.. Enumerable.Repeat(reason, answers)]);
    }

    /// <summary>Encodes a line; what is wrong with it becomes its problem.</summary>
    /// <param name="line">The line.</param>
    /// <param name="encoder">The model's.</param>
    /// <param name="addEos">Whether a text gets the tokenizer's EOS.</param>
    /// <param name="say">Says a message of the library in the words of whoever writes the results.</param>
    public static ScoreLine Of(ScoreInput line, InputEncoder encoder, bool addEos, Func<string, string> say)
    {
        if (line is BadInput bad) return new ScoreLine(line, [null], [bad.Error.Problem]);
        if (line is not AnswersInput list)
        {
            var (answer, problem) = Try(() => Encode(line, encoder, addEos), say);
            return new ScoreLine(line, [answer], [problem]);
        }
        var found = list.Responses.Select(response => Try(() => encoder.Encode([.. list.Prompt, .. response], line.Arguments), say)).ToArray();
        return new ScoreLine(line, [.. found.Select(one => one.Answer)], [.. found.Select(one => one.Problem)]);
    }

    /// <summary>The first problem, with the response that has it.</summary>
    public string? FirstProblem => Array.FindIndex(Problems, problem => problem is not null) is var i && i < 0 ? null : ProblemOf(i);

    /// <summary>A problem, with the response that has it.</summary>
    public string ProblemOf(int answer) => IsList ? $"response {answer + 1} of {Answers.Length}: {Problems[answer]}" : Problems[answer]!;

    private static EncodedInput Encode(ScoreInput line, InputEncoder encoder, bool addEos) => line switch
    {
        TextInput text => encoder.EncodeText(text.Text, addEos),
        IdsInput ids => encoder.EncodeIds((int[])[.. ids.Ids]),
        AnswerInput answer => encoder.Encode([.. answer.Prompt, .. answer.Response], line.Arguments),
        DialogueInput dialogue => encoder.Encode(dialogue.Messages, line.Arguments),
        _ => throw new ArgumentException($"a line of kind {line.GetType().Name} has no one answer", nameof(line)),
    };

    private static (EncodedInput? Answer, string? Problem) Try(Func<EncodedInput> encode, Func<string, string> say)
    {
        try
        {
            return (encode(), null);
        }
        catch (SparseRMException error)
        {
            return (null, say(error.Message));
        }
    }
}
