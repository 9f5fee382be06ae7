using SparseRM.Errors;

namespace SparseRM.Server.Serving;

internal enum PerToken { Token, Sentence, Step }

internal sealed record ComponentScore(string Name, float Score, float? StandardDeviation);

internal sealed record ScoreResult(float Score)
{
    public float? StandardDeviation { get; init; }
    public double? Novelty { get; init; }
    public IReadOnlyList<ComponentScore> Components { get; init; } = [];
    public float[]? TokenScores { get; init; }
    public int[]? TokenPositions { get; init; }
    public int Tokens { get; init; }
    public SparseRMException? Error { get; init; }
}
