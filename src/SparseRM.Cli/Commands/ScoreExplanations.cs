using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary>Why a line's answers got their scores.</summary>
internal static class ScoreExplanations
{
    private const int Directions = 8, TokensEach = 5;

    /// <summary>One for each answer of the line.</summary>
    public static RewardExplanation[] Of(RewardScorer scorer, ScoreInput line) =>
        [.. Inputs(scorer.Backbone.Encoder, line).Select(input => scorer.Explain(input, Directions, TokensEach))];

    /// <summary>The line with score and explanation, or with scores and explanations where it has responses.</summary>
    public static void WriteWith(Stream stream, ScoreInput line, float[] scores, RewardExplanation[] explanations)
    {
        if (line is AnswersInput)
        {
            ScoreOutput.WriteWith(stream, line,
                ("scores", json => WriteList(json, scores, json.WriteNumberValue)),
                ("explanations", json => WriteList(json, explanations, explanation => Write(json, explanation))));
            return;
        }
        ScoreOutput.WriteWith(stream, line, ("score", json => json.WriteNumberValue(scores[0])), ("explanation", json => Write(json, explanations[0])));
    }

    private static void WriteList<T>(Utf8JsonWriter json, T[] values, Action<T> write)
    {
        json.WriteStartArray();
        foreach (var value in values) write(value);
        json.WriteEndArray();
    }

    // The mean training input's score and the directions with the largest shares of the difference from it.
    private static void Write(Utf8JsonWriter json, RewardExplanation explanation)
    {
        json.WriteStartObject();
        json.WriteNumber("mean_score", explanation.Parts.MeanScore);
        json.WriteStartArray("directions");
        foreach (var (share, tokens) in explanation.Top) Write(json, share, tokens);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, DirectionShare share, IReadOnlyList<TokenPush> tokens)
    {
        json.WriteStartObject();
        new Report().Add("latent", share.Latent?.Latent).Add("prefers", share.Latent is { } latent ? latent.Sign > 0 ? "chosen" : "rejected" : null)
            .Add("value", share.Value).Add("mean", share.Mean).Add("share", share.Share).WriteTo(json);
        json.WriteStartArray("tokens");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            new Report().Add("position", token.Position).Add("text", token.Text).Add("push", token.Push).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static IEnumerable<EncodedInput> Inputs(InputEncoder encoder, ScoreInput line) => line switch
    {
        AnswersInput answers => answers.Responses.Select(response => encoder.Encode([.. answers.Prompt, .. response], line.Arguments)),
        TextInput text => [encoder.EncodeText(text.Text)],
        IdsInput ids => [encoder.EncodeIds((int[])[.. ids.Ids])],
        _ => [encoder.Encode(InputLines.Dialogue(line)!, line.Arguments)],
    };
}
