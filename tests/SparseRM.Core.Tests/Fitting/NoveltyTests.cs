using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Fitting;

/// <summary>How unusual an input is: the distance, its calibration, and what they are worth on inputs of known distribution.</summary>
public sealed class NoveltyTests
{
    [Fact]
    public void The_tail_is_linear_between_distances_and_exponential_beyond()
    {
        var estimator = new NoveltyEstimator([0], [1], [1, 2, 4], [0.75f, 0.5f, 0.25f], 2, NoveltyCalibration.HeldOut, 3);
        Assert.Equal(1, estimator.TailProbability(0));
        Assert.Equal(0.875, estimator.TailProbability(0.5));
        Assert.Equal(0.75, estimator.TailProbability(1));
        Assert.Equal(0.375, estimator.TailProbability(3));
        Assert.Equal(0.25, estimator.TailProbability(4));
        Assert.Equal(0.25 / Math.E, estimator.TailProbability(6), 1e-12);
        Assert.Equal(1 - 0.375, estimator.Of([-3]));
        Assert.Contains("NaN", Assert.Throws<SparseRMException>(() => estimator.Of([float.NaN])).Message);
        Assert.Throws<ArgumentException>(() => estimator.Of([1, 2]));
    }

    [Fact]
    public void The_distance_whitens_with_the_lower_triangle()
    {
        // W = [[1, 0], [2, 3]], v - m = (1, 2): (1, 8).
        var estimator = new NoveltyEstimator([1, 1], [1, 2, 3], [1], [0.5f], 1, NoveltyCalibration.HeldOut, 1);
        Assert.Equal(Math.Sqrt(65), estimator.Distance([2, 3]), 1e-12);
        int wide = NoveltyEstimator.WidestTriangle + 1;
        var diagonal = new NoveltyEstimator(new float[wide], [.. Enumerable.Repeat(2f, wide)], [1], [0.5f], 1, NoveltyCalibration.HeldOut, 1);
        Assert.Equal(2 * Math.Sqrt(wide), diagonal.Distance([.. Enumerable.Repeat(1f, wide)]), 1e-9);
    }

    [Fact]
    public void Calibration_takes_each_distance_by_its_rank_and_the_first_of_equal_ones()
    {
        var estimator = NoveltyFit.Calibrated([0], [1], [3, 1, 2, 2], NoveltyCalibration.CrossFitted)!;
        Assert.Equal([1f, 2, 3], estimator.Distances.ToArray());
        Assert.Equal([0.8f, 0.6f, 0.2f], estimator.Tails.ToArray());
        // The two largest exceed the one below them, 2, by 0 and 1.
        Assert.Equal(0.5f, estimator.TailScale);
        Assert.Equal(4, estimator.Samples);
        Assert.Null(NoveltyFit.Calibrated([0], [1], [0, 0, 0], NoveltyCalibration.HeldOut));
        float[] many = [.. Enumerable.Range(1, 10_000).Select(i => (float)i)];
        var thinned = NoveltyFit.Calibrated([0], [1], many, NoveltyCalibration.HeldOut)!;
        Assert.InRange(thinned.Distances.Length, 200, 257);
        Assert.Equal(10_000, thinned.Distances.Span[^1]);
        foreach (double distance in new[] { 100.0, 2_500, 5_000, 9_900, 9_999 }) Assert.Equal(1 - (distance / 10_001), thinned.TailProbability(distance), 1e-4);
    }

    [Fact]
    public void The_shrinkage_is_Ledoit_and_Wolfs()
    {
        // Rows (1, 1), (-1, -1), (1, -1), (-1, 1), all standardised: S = I, so it is all the target. Then rows of one line: S = [[1, 1], [1, 1]].
        var none = Covariance([1, 1, 1, -1], [-1, -1, -1, 1]);
        Assert.Equal([1.0, 0, 0, 1], none.Values.ToArray());
        // |S|^2 = 4, target 1, d^2 = 2; |x|^4 = 4 each: b^2 = (4 - 4) / 4 = 0, so the least.
        var line = Covariance([1, 1, 1, 1], [-1, -1, -1, -1]);
        Assert.Equal(NoveltyFit.LeastShrinkage, line.Shrinkage);
        Assert.Equal(1 - NoveltyFit.LeastShrinkage, line.Values[1], 1e-15);
        // Rows (3, 1), (-3, -1), (1, -1), (-1, 1), deviations sqrt(5) and 1: S = [[1, c], [c, 1]], c = 2 / sqrt(5) / 2. |S|^2 = 2 + 2 c^2, d^2 = 2 c^2;
        // |x|^4: (9/5 + 1)^2 twice, (1/5 + 1)^2 twice.
        var mixed = Covariance([3, 1, 1, -1], [-3, -1, -1, 1]);
        double square = 1 / 5.0, fourth = (Math.Pow(2.8, 2) + Math.Pow(1.2, 2)) / 2;
        Assert.Equal(Math.Min(1, (fourth - 2 - (2 * square)) / 4 / (2 * square)), mixed.Shrinkage, 1e-12);
        Assert.Equal((1 - mixed.Shrinkage) / Math.Sqrt(5), mixed.Values[1], 1e-12);
    }

    [Fact]
    public void The_inverse_root_inverts()
    {
        var covariance = Covariance([.. Gaussian(30, 5, seed: 1)], [.. Gaussian(30, 5, seed: 2)], 5);
        var (root, values) = (covariance.InverseRoot(), covariance.Values.ToArray());
        for (int i = 0; i < 5; i++)
        {
            for (int j = 0; j < 5; j++)
            {
                double sum = 0;
                for (int k = 0; k < 5; k++)
                    for (int l = 0; l < 5; l++) sum += root[(i * 5) + k] * values[(k * 5) + l] * root[(j * 5) + l];
                Assert.Equal(i == j ? 1 : 0, sum, 1e-9);
            }
        }
    }

    [Theory]
    [InlineData(0.2, NoveltyCalibration.HeldOut)]
    [InlineData(0, NoveltyCalibration.CrossFitted)]
    public void Inputs_like_those_of_training_have_the_tail_probability_that_they_are_told(double heldOut, NoveltyCalibration calibration)
    {
        const int width = 24, count = 500;
        var novelty = Train(Pairs(count, width, seed: 1), heldOut).Novelty!;
        Assert.Equal(calibration, novelty.Calibration);
        Assert.Equal(heldOut > 0 ? 200 : 1000, novelty.Samples);
        var fresh = Pairs(2000, width, seed: 2);
        double[] found = [.. Enumerable.Range(0, fresh.Count).Select(pair => novelty.Of(fresh.Chosen(pair)))];
        Assert.All(found, value => Assert.InRange(value, 0, 1));
        // Calibrated on n distances, a share p of fresh inputs lies above 1 - p within a few sqrt(p (1 - p) / n).
        foreach (double p in new[] { 0.5, 0.1, 0.02 })
            Assert.InRange(found.Count(value => value > 1 - p) / 2000.0, p - (4 * Math.Sqrt(p / novelty.Samples)), p + (4 * Math.Sqrt(p / novelty.Samples)));
    }

    [Fact]
    public void Inputs_unlike_training_are_novel_though_each_of_their_elements_is_not()
    {
        // All columns follow one factor: the same sizes with mixed signs are unlike anything seen.
        const int width = 8;
        float[] Rows(long seed)
        {
            var random = new SeededRandom(seed);
            return [.. Enumerable.Range(0, 300).Select(_ => random.NextGaussian()).SelectMany(factor => Enumerable.Range(0, width)
                .Select(_ => (float)(factor + (0.1 * random.NextGaussian()))))];
        }
        var novelty = Train(new PairInputs(Rows(1), Rows(2), width), 0.2).Novelty!;
        Assert.InRange(novelty.Of([.. Enumerable.Repeat(1f, width)]), 0, 0.95);
        Assert.InRange(novelty.Of([1, -1, 1, -1, 1, -1, 1, -1]), 0.9999, 1);
        Assert.InRange(novelty.Of([.. Enumerable.Repeat(100f, width)]), 0.9999, 1);
    }

    [Fact]
    public void An_input_without_variance_in_training_says_nothing()
    {
        float[] Rows(long seed) => [.. Gaussian(100, 3, seed).Select((value, i) => i % 3 == 1 ? 5 : value)];
        var novelty = Train(new PairInputs(Rows(1), Rows(2), 3), 0).Novelty!;
        Assert.Equal(novelty.Distance([1, 5, 1]), novelty.Distance([1, 999, 1]));
        Assert.NotEqual(novelty.Distance([1, 5, 1]), novelty.Distance([2, 5, 1]));
    }

    [Fact]
    public void Too_few_inputs_give_no_estimator_and_no_pair_calibrates_what_it_trained()
    {
        Assert.Null(Train(Pairs(9, 3, seed: 1), 0).Novelty);
        Assert.Equal(20, Train(Pairs(10, 3, seed: 1), 0).Novelty!.Samples);
        // All pairs of one prompt: nothing can be left out in turn.
        Assert.Null(Train(Pairs(40, 3, seed: 1), 0, [.. Enumerable.Repeat("one", 40)]).Novelty);
        // More inputs than rows: in sample all distances would be small, out of sample they are not.
        var wide = Train(Pairs(30, 100, seed: 1), 0).Novelty!;
        var pairs = Pairs(30, 100, seed: 1);
        double inSample = Enumerable.Range(0, 30).Average(pair => wide.Of(pairs.Chosen(pair)));
        Assert.InRange(inSample, 0, 0.3);
    }

    private static TrainedEnsemble Train(PairInputs inputs, double heldOut, string[]? groups = null) => HeadTrainer.TrainEnsemble(
        inputs, new HeadTrainingOptions { HiddenUnits = 4, MaxEpochs = 1, HeldOutFraction = heldOut, Threads = 2 }, 1, groups: groups);

    private static ShrunkCovariance Covariance(float[] chosen, float[] rejected, int width = 2)
    {
        var inputs = new PairInputs(chosen, rejected, width);
        int[] pairs = [.. Enumerable.Range(0, inputs.Count)];
        return ShrunkCovariance.Of(inputs, pairs, InputScaling.Of(inputs, pairs), [.. Enumerable.Range(0, width)], NoveltyFit.LeastShrinkage, threads: 2);
    }

    private static PairInputs Pairs(int count, int width, long seed) => new([.. Gaussian(count, width, 2 * seed)], [.. Gaussian(count, width, (2 * seed) + 1)], width);

    /// <summary>Rows whose columns have different scales and depend on each other.</summary>
    private static IEnumerable<float> Gaussian(int rows, int width, long seed)
    {
        var random = new SeededRandom(seed);
        for (int row = 0; row < rows; row++)
        {
            double common = random.NextGaussian();
            for (int i = 0; i < width; i++) yield return (float)((1 + i) * (random.NextGaussian() + common));
        }
    }
}
