using SparseRM.Errors;
using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class HeadTrainerTests
{
    private static readonly HeadTrainingOptions s_small = new() { HiddenUnits = 32, MaxEpochs = 25, BatchPairs = 16, LearningRate = 1e-2, Threads = 1 };

    [Theory]
    [InlineData(PreferenceLossKind.Margin)]
    [InlineData(PreferenceLossKind.BradleyTerry)]
    [InlineData(PreferenceLossKind.Bce)]
    public void Learns_a_preference_and_orders_pairs_that_it_never_saw(PreferenceLossKind loss)
    {
        var trained = Train(Pairs(200, seed: 1), s_small with { Loss = loss });
        var fresh = Pairs(200, seed: 2);
        int right = Enumerable.Range(0, fresh.Count).Count(pair => trained.Head.Score(fresh.Chosen(pair)) > trained.Head.Score(fresh.Rejected(pair)));
        Assert.True(right >= 180, $"{right} of 200");
        Assert.True(trained.HeldOutAccuracy >= 0.9, $"held-out accuracy {trained.HeldOutAccuracy}");
        Assert.Equal((180, 20), (trained.TrainingPairs, trained.HeldOutPairs));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_on_any_number_of_threads()
    {
        var inputs = Pairs(150, seed: 1, width: 70);
        var options = s_small with { HiddenUnits = 96, BatchPairs = 64, MaxEpochs = 4, Seeds = 2 };
        var first = Train(inputs, options with { Threads = 1 });
        foreach (int threads in new[] { 0, 2, 5 })
        {
            var other = Train(inputs, options with { Threads = threads });
            Assert.Equal(first.Head.W1.ToArray(), other.Head.W1.ToArray());
            Assert.Equal(first.Head.B1.ToArray(), other.Head.B1.ToArray());
            Assert.Equal(first.Head.W2.ToArray(), other.Head.W2.ToArray());
            Assert.Equal(first.Head.B2, other.Head.B2);
            Assert.Equal(first.History, other.History);
        }
        Assert.NotEqual(first.Head.W1.ToArray(), Train(inputs, options with { Seed = 99 }).Head.W1.ToArray());
    }

    [Fact]
    public void A_column_without_variance_is_left_out_and_cannot_ruin_a_score()
    {
        // Columns 1 and 2 never vary in training: a dead latent, and a constant with float noise.
        var random = new SeededRandom(8);
        float[] Side(float shift) => [.. Enumerable.Range(0, 100).SelectMany(_ =>
            new[] { (float)random.NextGaussian() + shift, 0, 1000 * (1 + (float)(1e-7 * random.NextDouble())) })];
        var trained = Train(new PairInputs(Side(2), Side(-2), 3), s_small);
        Assert.Equal([1, 2], trained.LeftOutInputs);
        double expected = trained.Head.Score([1, 0, 1000]);
        Assert.True(Math.Abs(expected) < 100, $"score {expected}");
        Assert.Equal(expected, trained.Head.Score([1, 50, 900]));
    }

    [Fact]
    public void Standardisation_is_folded_so_that_raw_inputs_score_as_standardised_ones()
    {
        var inputs = Pairs(40, seed: 3, offset: 500, scale: 20);
        var scaling = InputScaling.Of(inputs, [.. Enumerable.Range(0, inputs.Count)]);
        var parameters = new HeadParameters(inputs.InputCount, 9);
        parameters.Initialise(new SeededRandom(4));
        var folded = parameters.Fold(scaling);
        var raw = parameters.Fold(InputScaling.Identity(inputs.InputCount));
        var standardised = new double[inputs.InputCount];
        for (int pair = 0; pair < inputs.Count; pair++)
        {
            scaling.Apply(inputs.Chosen(pair), standardised);
            Assert.Equal(raw.Score([.. standardised.Select(x => (float)x)]), folded.Score(inputs.Chosen(pair)), 1e-5);
        }
    }

    [Fact]
    public void Scaling_is_the_mean_and_population_deviation_of_both_sides()
    {
        // Column 0: 1, 3, 5, 7 has mean 4 and variance 5; column 1 is constant.
        var scaling = InputScaling.Of(new PairInputs([1, 2, 3, 2], [5, 2, 7, 2], 2), [0, 1]);
        Assert.Equal([4.0, 2.0], scaling.Mean.ToArray());
        Assert.Equal([1 / Math.Sqrt(5), 0.0], scaling.InverseDeviation.ToArray());
    }

    [Fact]
    public void Keeps_the_best_epoch_and_stops_when_patience_ends()
    {
        var trained = Train(Pairs(60, seed: 5), s_small with { MaxEpochs = 400, Patience = 3, LearningRate = 0.05 });
        var best = trained.History[trained.BestEpoch - 1];
        Assert.Equal(trained.HeldOutAccuracy, best.HeldOutAccuracy);
        Assert.Equal(trained.HeldOutLoss, best.HeldOutLoss);
        Assert.Equal(trained.BestEpoch + 3, trained.History.Count);
        Assert.All(trained.History, epoch => Assert.True(epoch.HeldOutAccuracy <= best.HeldOutAccuracy));
    }

    [Fact]
    public void Without_a_held_out_part_all_pairs_train_and_none_is_judged()
    {
        var trained = Train(Pairs(30, seed: 6), s_small with { HeldOutFraction = 0, MaxEpochs = 3 });
        Assert.Equal((30, 0), (trained.TrainingPairs, trained.HeldOutPairs));
        Assert.Null(trained.HeldOutAccuracy);
        Assert.Null(trained.History[0].HeldOutLoss);
    }

    [Fact]
    public void Several_seeds_keep_the_best()
    {
        var inputs = Pairs(80, seed: 7, shift: 0.2);
        var options = s_small with { MaxEpochs = 2 };
        var three = Train(inputs, options with { Seeds = 3 });
        var one = Train(inputs, options);
        Assert.InRange(three.Run, 1, 3);
        Assert.True(three.HeldOutAccuracy > one.HeldOutAccuracy || (three.HeldOutAccuracy == one.HeldOutAccuracy && three.HeldOutLoss <= one.HeldOutLoss));
    }

    [Fact]
    public void Reports_every_epoch_and_can_be_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var seen = new List<int>();
        var progress = new Reporter(report =>
        {
            seen.Add(report.Epoch.Number);
            if (report.Epoch.Number == 2) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => HeadTrainer.Train(Pairs(40, seed: 1), s_small, progress: progress, cancellation: cancel.Token));
        Assert.Equal([1, 2], seen);
    }

    [Fact]
    public void Refuses_what_cannot_be_trained_on()
    {
        Assert.Contains("no pairs", Message(() => Train(new PairInputs([], [], 3), s_small)));
        Assert.Contains("pair 1 has NaN at index 0", Message(() => new PairInputs([1, 2, float.NaN, 4], [1, 2, 3, 4], 2)));
        Assert.Contains("varies", Message(() => Train(new PairInputs([1, 1, 1, 1], [1, 1, 1, 1], 2), s_small)));
        Assert.Contains("diverged", Message(() => Train(Pairs(40, seed: 1), s_small with { LearningRate = 1e200, WeightDecay = 0 })));
        Assert.Contains("held-out share is 1", Message(() => Train(Pairs(4, seed: 1), s_small with { HeldOutFraction = 1 })));
        Assert.Contains("learning rate is 0", Message(() => Train(Pairs(4, seed: 1), s_small with { LearningRate = 0 })));
        Assert.Contains("hidden units is -1", Message(() => Train(Pairs(4, seed: 1), s_small with { HiddenUnits = -1 })));
        Assert.Contains("too large", Message(() => Train(Pairs(4, seed: 1), s_small with { HiddenUnits = int.MaxValue })));
        Assert.Throws<ArgumentException>(() => new PairInputs([1, 2, 3], [1, 2, 3], 2));
    }

    private static TrainedHead Train(PairInputs inputs, HeadTrainingOptions options)
        => HeadTrainer.Train(inputs, options, cancellation: TestContext.Current.CancellationToken);

    private static string Message(Action action) => Assert.Throws<SparseRMException>(action).Message;

    /// <summary>Pairs whose sides differ in the first column by twice the shift, among noise.</summary>
    private static PairInputs Pairs(int count, long seed, int width = 6, double shift = 2, double offset = 0, double scale = 1)
    {
        var random = new SeededRandom(seed);
        float[] Side(double sign)
        {
            var rows = new float[count * width];
            for (int i = 0; i < rows.Length; i++) rows[i] = (float)(offset + (scale * (random.NextGaussian() + (i % width == 0 ? sign * shift : 0))));
            return rows;
        }
        return new PairInputs(Side(1), Side(-1), width);
    }

    private sealed class Reporter(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
