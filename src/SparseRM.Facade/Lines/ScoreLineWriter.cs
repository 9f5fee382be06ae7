using System.Globalization;
using System.Text;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Scoring;

namespace SparseRM.Lines;

/// <summary>Writes a line back with its results: single fields, or lists where the line has responses.</summary>
/// <param name="options">What was asked for beside the score.</param>
/// <param name="calibration">Makes probabilities of scores; null where they are not asked for.</param>
/// <param name="hasComponents">Whether the reward model has several components, whose scores are told.</param>
internal sealed class ScoreLineWriter(ScoreOptions options, ScoreCalibration? calibration, bool hasComponents)
{
    /// <summary>Every field that can be added to a line.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>
    {
        "score", "scores", "error", "probability", "probabilities", "score_std", "score_stds", "novelty", "novelties", "components", "token_scores", "token_positions", "explanation", "explanations",
    };

    /// <summary>Writes a line.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="line">The line.</param>
    /// <param name="results">One for each answer; null where it has a problem.</param>
    /// <param name="error">The first problem, or null.</param>
    public void Write(Stream stream, ScoreLine line, ScoreResult?[] results, string? error)
    {
        var fields = new List<(string Name, Action<Utf8JsonWriter> Write)>();
        bool list = line.IsList;
        if (list || results[0] is not null) fields.AddRange(Results(list, results));
        else fields.Add(("score", json => json.WriteNullValue()));
        if (error is not null) fields.Add(("error", json => json.WriteStringValue(error)));
        ScoreOutput.WriteWith(stream, line.Input, fields);
    }

    private IEnumerable<(string, Action<Utf8JsonWriter>)> Results(bool list, ScoreResult?[] results)
    {
        yield return (list ? "scores" : "score", json => Each(json, list, results, result => Number(result.Score)));
        if (calibration is not null) yield return (list ? "probabilities" : "probability", json => json.WriteRawValue(Probabilities(list, results), skipInputValidation: true));
        if (options.Doubt) yield return (list ? "score_stds" : "score_std", json => Each(json, list, results, result => Number(result.StandardDeviation!.Value)));
        if (options.Novelty) yield return (list ? "novelties" : "novelty", json => Each(json, list, results, result => Number(result.Novelty!.Value)));
        if (hasComponents) yield return ("components", json => Each(json, list, results, Components));
        if (options.PerToken != PerToken.None)
        {
            yield return ("token_scores", json => Each(json, list, results, result => List(result.TokenScores.Select(token => Number(token.Score)))));
            yield return ("token_positions", json => Each(json, list, results, result => List(result.TokenScores.Select(token => Number(token.Position)))));
        }
        if (options.Explain is not null)
        {
            yield return (list || hasComponents ? "explanations" : "explanation",
                json => Each(json, list, results, result => ScoreExplanations.Json(result.Explanation!, hasComponents)));
        }
    }

    // Spaces after commas, as the lines of most writers have them; a JSON writer would leave them out.
    private static void Each(Utf8JsonWriter json, bool list, ScoreResult?[] results, Func<ScoreResult, string> value) =>
        json.WriteRawValue(list ? List(results.Select(result => result is null ? "null" : value(result))) : value(results[0]!), skipInputValidation: true);

    // Shares of a list of which one is missing would be shares of something else.
    private string Probabilities(bool list, ScoreResult?[] results)
    {
        if (!list) return Number(calibration!.OfScore(results[0]!.Score));
        if (results.Contains(null)) return List(results.Select(_ => "null"));
        return List(calibration!.OfScores([.. results.Select(result => result!.Score)]).Select(Number));
    }

    private static string List(IEnumerable<string> values) => $"[{string.Join(", ", values)}]";

    private static string Number<T>(T value) where T : struct, IFormattable => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private string Components(ScoreResult result)
    {
        var text = new StringBuilder("{");
        foreach (var component in result.Components)
            text.Append(text.Length == 1 ? "" : ", ").Append(CultureInfo.InvariantCulture, $"\"{component.Name}\": {Number(component.Score)}");
        return text.Append('}').ToString();
    }
}
