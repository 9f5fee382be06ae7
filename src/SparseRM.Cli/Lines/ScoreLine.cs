using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Cli.Lines;

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

    /// <summary>Encodes a line; what is wrong with it becomes its problem.</summary>
    public static ScoreLine Of(ScoreInput line, InputEncoder encoder, bool addEos)
    {
        if (line is BadInput bad) return new ScoreLine(line, [null], [bad.Error.Problem]);
        if (line is not AnswersInput list)
        {
            var (answer, problem) = Try(() => Encode(line, encoder, addEos));
            return new ScoreLine(line, [answer], [problem]);
        }
        var found = list.Responses.Select(response => Try(() => encoder.Encode([.. list.Prompt, .. response], line.Arguments))).ToArray();
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
        _ => encoder.Encode(InputLines.Dialogue(line)!, line.Arguments),
    };

    private static (EncodedInput? Answer, string? Problem) Try(Func<EncodedInput> encode)
    {
        try
        {
            return (encode(), null);
        }
        catch (SparseRMException error)
        {
            return (null, Wording.OfCommandLine(error.Message));
        }
    }
}
