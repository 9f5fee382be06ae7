using SparseRM.Fitting;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>Numbers that a linear probe sees of an answer.</summary>
/// <param name="Count">How many.</param>
/// <param name="Fill">Writes those of a row of a set.</param>
internal sealed record Features(int Count, Action<AnswerSet, int, double[]> Fill);

/// <summary>A linear probe on some features; its penalty is chosen by cross-validation among the training pairs.</summary>
/// <param name="name">For tables.</param>
/// <param name="loss">What it minimises.</param>
/// <param name="features">Makes the features of the training pairs.</param>
/// <param name="threads">Threads at most; changes no bit.</param>
internal sealed class LinearBaseline(string name, LinearLoss loss, Func<TrainingPairs, Features> features, int threads) : Baseline(name)
{
    /// <summary>Penalties that are tried, strongest first: of equal ones the strongest is kept.</summary>
    public static readonly double[] Penalties = [10, 1, 0.1, 0.01, 1e-3, 1e-4];

    private const int Folds = 5, OneFoldFrom = 400;

    /// <inheritdoc/>
    public override FittedBaseline Fit(TrainingPairs training, long seed, CancellationToken cancel)
    {
        var seen = features(training);
        var (differences, scale) = Differences(training, seen);
        var solver = new PairwiseLinear(differences, seen.Count);
        var (penalty, validated) = Choose(solver, training, seed, cancel);
        int[] all = [.. Enumerable.Range(0, training.Pairs.Length)];
        double[] w = solver.Solve(all, loss, penalty, null, cancel);
        for (int i = 0; i < w.Length; i++) w[i] *= scale[i];
        return new FittedBaseline(answers =>
        {
            using var values = new ThreadLocal<double[]>(() => new double[seen.Count]);
            return ByRow(answers, row =>
            {
                seen.Fill(answers, row, values.Value!);
                return Vectors.Dot(values.Value!, w);
            }, threads);
        }, validated);
    }

    /// <summary>The penalty under which most pairs are ordered rightly that were kept apart; by their loss where several are equal.</summary>
    private (double Penalty, double? Validated) Choose(PairwiseLinear solver, TrainingPairs training, long seed, CancellationToken cancel)
    {
        int folds = Math.Min(Folds, training.Groups.Distinct().Count());
        if (folds < 2) return (1, null);
        IReadOnlyList<PairSplit> splits = PairSplit.Folds(training.Pairs.Length, training.Groups, folds, seed);
        if (training.Pairs.Length >= OneFoldFrom) splits = [splits[0]];
        var found = new (int Correct, double Loss)[splits.Count][];
        Parallel.For(0, splits.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, fold =>
        {
            double[]? w = null;
            found[fold] = Array.ConvertAll(Penalties, penalty =>
            {
                w = solver.Solve(splits[fold].Training, loss, penalty, w, cancel);
                return solver.Judge(splits[fold].HeldOutPairs, loss, w);
            });
        });
        int best = 0;
        for (int i = 1; i < Penalties.Length; i++)
        {
            if (Correct(i) > Correct(best) || (Correct(i) == Correct(best) && found.Sum(fold => fold[i].Loss) < found.Sum(fold => fold[best].Loss))) best = i;
        }
        return (Penalties[best], (double)Correct(best) / splits.Sum(split => split.HeldOutPairs.Length));

        int Correct(int penalty) => found.Sum(fold => fold[penalty].Correct);
    }

    /// <summary>x_w - x_l of each pair over the features' deviations, and those deviations' inverses (0 for a feature that does not vary).</summary>
    private static (double[] Differences, double[] Scale) Differences(TrainingPairs training, Features seen)
    {
        int width = seen.Count;
        if ((long)training.Pairs.Length * width > Array.MaxLength)
            throw new Errors.SparseRMException(Errors.ErrorKind.Usage, $"{training.Pairs.Length} pairs with {width} features each do not fit into memory at once; use fewer pairs");
        var differences = new double[training.Pairs.Length * width];
        double[] chosen = new double[width], rejected = new double[width], mean = new double[width], square = new double[width];
        for (int i = 0; i < training.Pairs.Length; i++)
        {
            seen.Fill(training.Answers, training.Pairs[i].Chosen, chosen);
            seen.Fill(training.Answers, training.Pairs[i].Rejected, rejected);
            for (int j = 0; j < width; j++)
            {
                differences[(i * width) + j] = chosen[j] - rejected[j];
                // Welford's update, a row at a time: features may lie far from 0.
                Add(ref mean[j], ref square[j], chosen[j], (2 * i) + 1);
                Add(ref mean[j], ref square[j], rejected[j], (2 * i) + 2);
            }
        }
        var scale = new double[width];
        for (int j = 0; j < width; j++)
        {
            double deviation = Math.Sqrt(square[j] / (2 * training.Pairs.Length));
            scale[j] = deviation <= InputScaling.NoiseToMean * Math.Abs(mean[j]) ? 0 : 1 / deviation;
        }
        for (int i = 0; i < differences.Length; i++) differences[i] *= scale[i % width];
        return (differences, scale);

        static void Add(ref double mean, ref double square, double value, int count)
        {
            double before = value - mean;
            mean += before / count;
            square += before * (value - mean);
        }
    }
}
