using SparseRM.Fitting;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>A probe that attends over the answer's tokens: s = sum_t a_t &lt;v, z_t&gt; with a = softmax_t &lt;q, z_t&gt; / sqrt(d).</summary>
/// <remarks>
/// z is divided by its deviation over the training tokens, column by column; a mean would cancel in a pair and in the softmax. v and q begin at 0, a plain mean
/// over the tokens; the loss is Bradley and Terry's, the optimiser AdamW, and the epoch is that which orders most of the held-out pairs rightly.
/// </remarks>
internal sealed class AttentionBaseline(string name, HeadTrainingOptions training, int threads) : Baseline(name)
{
    private const double LearningRate = 0.01;
    private static readonly PreferenceLoss s_loss = new(PreferenceLossKind.BradleyTerry);

    /// <inheritdoc/>
    public override FittedBaseline Fit(TrainingPairs pairs, long seed, CancellationToken cancel)
    {
        int width = pairs.Answers.Width;
        var split = PairSplit.HeldOut(pairs.Pairs.Length, pairs.Groups, training.HeldOutFraction, seed);
        int[] judged = split.HeldOutPairs.Length > 0 ? split.HeldOutPairs : split.Training, order = [.. split.Training];
        double[] scale = InverseDeviation(pairs, split.Training);
        double[] parameters = new double[2 * width], gradient = new double[2 * width], best = new double[2 * width];
        var optimiser = new AdamW(parameters.Length) { LearningRate = LearningRate, WeightDecay = training.WeightDecay };
        var random = new SeededRandom(seed, stream: -3000);
        int bestEpoch = 0, mostCorrect = -1;
        double leastLoss = double.PositiveInfinity;
        for (int epoch = 1; epoch <= training.MaxEpochs && epoch - bestEpoch <= training.Patience; epoch++)
        {
            random.Shuffle(order.AsSpan());
            foreach (int[] batch in order.Chunk(training.BatchPairs))
            {
                cancel.ThrowIfCancellationRequested();
                Array.Clear(gradient);
                foreach (int pair in batch) AddGradient(pairs, pair, parameters, scale, gradient, batch.Length);
                optimiser.Step(parameters, gradient);
            }
            var (correct, loss) = Judge(pairs, judged, parameters, scale);
            if (correct < mostCorrect || (correct == mostCorrect && loss >= leastLoss)) continue;
            (mostCorrect, leastLoss, bestEpoch) = (correct, loss, epoch);
            parameters.CopyTo(best, 0);
        }
        return new FittedBaseline(
            answers => ByRow(answers, row => Score(answers.Tokens![row], best, scale).Score, threads),
            split.HeldOutPairs.Length > 0 ? (double)mostCorrect / judged.Length : null);
    }

    private (int Correct, double Loss) Judge(TrainingPairs pairs, int[] judged, double[] parameters, double[] scale)
    {
        var scores = new (double Chosen, double Rejected)[judged.Length];
        Parallel.For(0, judged.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            var (chosen, rejected) = pairs.Pairs[judged[i]];
            scores[i] = (Score(pairs.Answers.Tokens![chosen], parameters, scale).Score, Score(pairs.Answers.Tokens![rejected], parameters, scale).Score);
        });
        return (scores.Count(score => score.Chosen > score.Rejected), scores.Sum(score => s_loss.Value(score.Chosen, score.Rejected)) / judged.Length);
    }

    private static void AddGradient(TrainingPairs pairs, int pair, double[] parameters, double[] scale, double[] gradient, int count)
    {
        var (chosen, rejected) = pairs.Pairs[pair];
        ReadOnlySpan<float> first = pairs.Answers.Tokens![chosen], second = pairs.Answers.Tokens![rejected];
        var (a, b) = (Score(first, parameters, scale), Score(second, parameters, scale));
        var (toFirst, toSecond) = s_loss.Derivatives(a.Score, b.Score);
        Add(first, a, toFirst / count, scale, gradient);
        Add(second, b, toSecond / count, scale, gradient);
    }

    /// <summary>s, and a_t and &lt;v, z_t&gt; of each token.</summary>
    private static (double Score, double[] Attention, double[] Values) Score(ReadOnlySpan<float> tokens, double[] parameters, double[] scale)
    {
        int width = scale.Length, count = tokens.Length / width;
        double[] attention = new double[count], values = new double[count];
        for (int t = 0; t < count; t++)
        {
            var z = tokens.Slice(t * width, width);
            double value = 0, key = 0;
            for (int i = 0; i < width; i++)
            {
                double scaled = z[i] * scale[i];
                value += parameters[i] * scaled;
                key += parameters[width + i] * scaled;
            }
            (values[t], attention[t]) = (value, key / Math.Sqrt(width));
        }
        double most = attention.Max(), sum = 0, score = 0;
        for (int t = 0; t < count; t++) sum += attention[t] = Math.Exp(attention[t] - most);
        for (int t = 0; t < count; t++) score += (attention[t] /= sum) * values[t];
        return (score, attention, values);
    }

    private static void Add(ReadOnlySpan<float> tokens, (double Score, double[] Attention, double[] Values) of, double slope, double[] scale, double[] gradient)
    {
        int width = scale.Length;
        for (int t = 0; t < of.Attention.Length; t++)
        {
            var z = tokens.Slice(t * width, width);
            double toValue = slope * of.Attention[t], toKey = toValue * (of.Values[t] - of.Score) / Math.Sqrt(width);
            for (int i = 0; i < width; i++)
            {
                double scaled = z[i] * scale[i];
                gradient[i] += toValue * scaled;
                gradient[width + i] += toKey * scaled;
            }
        }
    }

    private static double[] InverseDeviation(TrainingPairs pairs, int[] training)
    {
        int width = pairs.Answers.Width;
        double[] mean = new double[width], square = new double[width];
        long count = 0;
        foreach (int pair in training)
        {
            foreach (int row in (int[])[pairs.Pairs[pair].Chosen, pairs.Pairs[pair].Rejected])
            {
                var tokens = pairs.Answers.Tokens![row];
                for (int t = 0; t < tokens.Length / width; t++)
                {
                    count++;
                    for (int i = 0; i < width; i++)
                    {
                        double value = tokens[(t * width) + i], before = value - mean[i];
                        mean[i] += before / count;
                        square[i] += before * (value - mean[i]);
                    }
                }
            }
        }
        return [.. square.Select((sum, i) => Math.Sqrt(sum / count) is var deviation && deviation <= InputScaling.NoiseToMean * Math.Abs(mean[i]) ? 0 : 1 / deviation)];
    }
}
