using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class HeadGradientTests
{
    [Theory]
    [InlineData(PreferenceLossKind.Margin)]
    [InlineData(PreferenceLossKind.BradleyTerry)]
    [InlineData(PreferenceLossKind.Bce)]
    public void Equals_finite_differences_for_every_weight(PreferenceLossKind kind)
    {
        // Sizes that are no multiples of four, so that padding is exercised.
        const int inputs = 5, hidden = 7, pairs = 3;
        var (parameters, batch) = Setup(inputs, hidden, pairs, threads: 1);
        var gradient = new HeadParameters(inputs, hidden);
        var loss = new PreferenceLoss(kind, Margin: 2);
        batch.Compute(parameters, loss, gradient);
        const double h = 1e-6;
        int nonZero = 0;
        for (int i = 0; i < parameters.Values.Length; i++)
        {
            if (parameters.Values[i] == 0) continue;
            double value = parameters.Values[i];
            parameters.Values[i] = value + h;
            double above = batch.Evaluate(parameters, loss).Loss;
            parameters.Values[i] = value - h;
            double below = batch.Evaluate(parameters, loss).Loss;
            parameters.Values[i] = value;
            Assert.Equal((above - below) / (2 * h), gradient.Values[i], 1e-7);
            if (gradient.Values[i] != 0) nonZero++;
        }
        Assert.True(nonZero > 30, $"only {nonZero} weights have a gradient");
    }

    [Fact]
    public void Padding_has_no_gradient_and_is_never_moved()
    {
        var (parameters, batch) = Setup(inputs: 5, hidden: 7, pairs: 3, threads: 1);
        var gradient = new HeadParameters(5, 7);
        batch.Compute(parameters, new PreferenceLoss(PreferenceLossKind.Bce), gradient);
        new AdamW(parameters.Values.Length).Step(parameters.Values, gradient.Values);
        Assert.Equal((5 * 7) + 7 + 7 + 1, parameters.Values.Count(value => value != 0));
    }

    [Fact]
    public void A_tie_is_not_ordered_rightly()
    {
        // The head gives b2 to everything: two pairs, no right one.
        var (parameters, batch) = Setup(inputs: 4, hidden: 8, pairs: 2, threads: 1);
        parameters.W2.Fill(0);
        Assert.Equal(0, batch.Evaluate(parameters, new PreferenceLoss(PreferenceLossKind.Margin)).Correct);
        Assert.Equal(0, batch.Compute(parameters, new PreferenceLoss(PreferenceLossKind.Bce), new HeadParameters(4, 8)).Correct);
    }

    [Fact]
    public void A_kept_margin_has_no_gradient()
    {
        var (parameters, batch) = Setup(inputs: 4, hidden: 8, pairs: 2, threads: 1);
        var gradient = new HeadParameters(4, 8);
        gradient.Values.AsSpan().Fill(1);
        parameters.W2.Fill(0);
        batch.Compute(parameters, new PreferenceLoss(PreferenceLossKind.Margin, Margin: 0), gradient);
        Assert.All(gradient.Values, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Has_the_same_bits_on_any_number_of_threads()
    {
        // Large enough for many tiles and for more than one block of the depth.
        double[]? first = null;
        foreach (int threads in new[] { 1, 2, 3, 8 })
        {
            var (parameters, batch) = Setup(inputs: 1030, hidden: 130, pairs: 70, threads);
            var gradient = new HeadParameters(1030, 130);
            batch.Compute(parameters, new PreferenceLoss(PreferenceLossKind.BradleyTerry), gradient);
            new AdamW(parameters.Values.Length, threads).Step(parameters.Values, gradient.Values);
            double[] all = [.. gradient.Values, .. parameters.Values];
            first ??= all;
            Assert.Equal(first, all);
        }
    }

    [Fact]
    public void AdamW_makes_its_hand_worked_first_step()
    {
        // t = 1: m / (1 - b1) = g, sqrt(v) / sqrt(1 - b2) = |g|, so p -= lr * sign(g) after p *= 1 - lr * wd = 0.95.
        double[] values = [1, -2, 3, 4, 5];
        new AdamW(5) { LearningRate = 0.1, WeightDecay = 0.5, Epsilon = 0 }.Step(values, [2, -0.5, 1e-9, 7, 1]);
        double[] expected = [0.85, -1.8, 2.75, 3.7, 4.65];
        for (int i = 0; i < 5; i++) Assert.Equal(expected[i], values[i], 1e-12);
    }

    private static (HeadParameters Parameters, HeadGradient Batch) Setup(int inputs, int hidden, int pairs, int threads)
    {
        var random = new SeededRandom(3);
        var parameters = new HeadParameters(inputs, hidden);
        parameters.Initialise(random);
        float[] Rows() => [.. Enumerable.Range(0, pairs * inputs).Select(_ => (float)random.NextGaussian())];
        var batch = new HeadGradient(inputs, hidden, pairs, threads);
        batch.Load(new PairInputs(Rows(), Rows(), inputs), [.. Enumerable.Range(0, pairs)], InputScaling.Identity(inputs));
        return (parameters, batch);
    }
}
