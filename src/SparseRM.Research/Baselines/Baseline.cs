using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>What a baseline learned.</summary>
/// <param name="Scores">A score for each answer of a set.</param>
/// <param name="Validated">Share of training pairs that were ordered rightly while they were kept apart; null where nothing was chosen so.</param>
internal sealed record FittedBaseline(Func<AnswerSet, double[]> Scores, double? Validated = null);

/// <summary>A way to tell preferred answers from others.</summary>
internal abstract class Baseline(string name)
{
    /// <summary>For tables.</summary>
    public string Name => name;

    /// <summary>Learns from pairs alone: what it chooses, it chooses among them.</summary>
    /// <param name="training">The pairs.</param>
    /// <param name="seed">Of everything random.</param>
    /// <param name="cancel">Checked now and then.</param>
    public abstract FittedBaseline Fit(TrainingPairs training, long seed, CancellationToken cancel);

    /// <summary>A score a row.</summary>
    protected static double[] ByRow(AnswerSet answers, Func<int, double> score, int threads)
    {
        var scores = new double[answers.Count];
        Parallel.For(0, scores.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, row => scores[row] = score(row));
        return scores;
    }
}
