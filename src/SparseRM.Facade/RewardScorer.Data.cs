using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM;

/// <content>Scores of what data files hold.</content>
public sealed partial class RewardScorer
{
    /// <summary>Scores of lines of a score file: one for a line, or one for each of its responses.</summary>
    /// <exception cref="DataFormatException">A line cannot be encoded; names it.</exception>
    public float[][] ScoreLines(
        IReadOnlyList<ScoreInput> lines, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var encoded = lines.Select(line => Encoded(line, path)).ToArray();
        var scores = ScoreBatch([.. encoded.SelectMany(inputs => inputs)], progress, cancel);
        int next = 0;
        return [.. encoded.Select(inputs => scores[next..(next += inputs.Length)])];
    }

    /// <summary>Counts by the data's own rules over scores of all completions.</summary>
    public EvaluationResult Evaluate(PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var completions = Completions.Of(Backbone.Encoder, Position, data, cancel);
        var scores = ScoreBatch(completions.Sequences, progress, cancel);
        return PreferenceEvaluation.Evaluate(data, completions.Scores(row => scores[row]));
    }

    private TokenSequence[] Encoded(ScoreInput line, string path)
    {
        var encoder = Backbone.Encoder;
        try
        {
            EncodedInput[] inputs = line switch
            {
                AnswerInput answer => [encoder.Encode([.. answer.Prompt, .. answer.Response], line.Arguments)],
                AnswersInput answers => [.. answers.Responses.Select(response => encoder.Encode([.. answers.Prompt, .. response], line.Arguments))],
                DialogueInput dialogue => [encoder.Encode(dialogue.Messages, line.Arguments)],
                TextInput text => [encoder.EncodeText(text.Text)],
                IdsInput ids => [encoder.EncodeIds((int[])[.. ids.Ids])],
                _ => throw new ArgumentException($"unknown kind of line {line.GetType().Name}"),
            };
            return [.. inputs.Select(input => input.ReadAt(Position))];
        }
        catch (SparseRMException e)
        {
            throw new DataFormatException(path, line.Line, e.Message);
        }
    }
}
