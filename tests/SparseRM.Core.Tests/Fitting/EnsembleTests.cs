using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Fitting;

/// <summary>Several heads on the same pairs.</summary>
public sealed class EnsembleTests
{
    private static readonly HeadTrainingOptions s_small = new() { HiddenUnits = 16, MaxEpochs = 6, BatchPairs = 16, LearningRate = 1e-2, Threads = 1 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_head_has_the_bits_of_training_it_alone(bool bootstrap)
    {
        var pairs = Pairs(60);
        var alone = HeadTrainer.Train(pairs, s_small with { Seeds = 2 });
        var ensemble = HeadTrainer.TrainEnsemble(pairs, s_small with { Seeds = 2 }, 1, bootstrap);
        Assert.Equal(alone.Head.W1.ToArray(), Assert.Single(ensemble.Heads).Head.W1.ToArray());
        Assert.Equal((alone.Head.B2, alone.Run, alone.HeldOutAccuracy), (ensemble.Heads[0].Head.B2, ensemble.Heads[0].Run, ensemble.HeldOutAccuracy));
    }

    [Fact]
    public void Heads_differ_and_have_the_same_bytes_on_any_number_of_threads()
    {
        var pairs = Pairs(60);
        string[] groups = [.. Enumerable.Range(0, 60).Select(i => $"prompt {i / 3}")];
        var one = HeadTrainer.TrainEnsemble(pairs, s_small, 4, bootstrap: true, groups);
        var many = HeadTrainer.TrainEnsemble(pairs, s_small with { Threads = 4 }, 4, bootstrap: true, groups);
        for (int i = 0; i < 4; i++) Assert.Equal(one.Heads[i].Head.W1.ToArray(), many.Heads[i].Head.W1.ToArray());
        Assert.Equal(one.Novelty!.Whitening.ToArray(), many.Novelty!.Whitening.ToArray());
        Assert.Equal(one.Novelty.Distances.ToArray(), many.Novelty.Distances.ToArray());
        Assert.Equal(4, one.Heads.Select(head => head.Head.B2).Distinct().Count());
        Assert.Equal([1, 2, 3, 4], one.Heads.Select(head => head.Run));
        Assert.All(one.Heads, head => Assert.Equal(one.Heads[0].MeanInput, head.MeanInput));
        // Seeds alone: the first head is the one that a single fit gives; with samples it is not.
        var seeds = HeadTrainer.TrainEnsemble(pairs, s_small, 2, bootstrap: false, groups);
        var alone = HeadTrainer.Train(pairs, s_small, groups);
        Assert.Equal(alone.Head.W1.ToArray(), seeds.Heads[0].Head.W1.ToArray());
        Assert.NotEqual(alone.Head.W1.ToArray(), one.Heads[0].Head.W1.ToArray());
        Assert.NotEqual(seeds.Heads[0].Head.W1.ToArray(), seeds.Heads[1].Head.W1.ToArray());
    }

    [Fact]
    public void A_bootstrap_sample_draws_whole_groups_as_many_as_there_are()
    {
        // Groups of 1, 2, 3 and 4 pairs: in every sample the pairs of a group stand equally often, and four groups are drawn.
        int[] training = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        string[] groups = ["a", "b", "b", "c", "c", "c", "d", "d", "d", "d"];
        var drawn = new HashSet<string>();
        for (int seed = 0; seed < 50; seed++)
        {
            int[] sample = HeadTrainer.Bootstrap(training, groups, new SeededRandom(seed));
            var times = groups.Distinct().Select(group => training.Where(pair => groups[pair] == group).Select(pair => sample.Count(id => id == pair)).Distinct().Single()).ToArray();
            Assert.Equal(4, times.Sum());
            drawn.Add(string.Join(' ', times));
        }
        Assert.True(drawn.Count > 10, $"{drawn.Count} different samples");
        Assert.Equal(10, HeadTrainer.Bootstrap(training, null, new SeededRandom(1)).Length);
    }

    [Fact]
    public void The_held_out_accuracy_is_that_of_the_mean_of_the_heads()
    {
        var pairs = Pairs(80, shift: 0.3);
        var ensemble = HeadTrainer.TrainEnsemble(pairs, s_small with { HeldOutFraction = 0.5 }, 3);
        var split = PairSplit.HeldOut(80, null, 0.5, s_small.Seed);
        double Mean(ReadOnlySpan<float> v)
        {
            double sum = 0;
            foreach (var head in ensemble.Heads) sum += (float)head.Head.Score(v);
            return sum / 3;
        }
        int right = split.HeldOutPairs.Count(pair => Mean(pairs.Chosen(pair)) > Mean(pairs.Rejected(pair)));
        Assert.Equal(right / 40.0, ensemble.HeldOutAccuracy);
        Assert.InRange(right, 15, 39);
        Assert.Null(HeadTrainer.TrainEnsemble(pairs, s_small with { HeldOutFraction = 0 }, 3).HeldOutAccuracy);
    }

    [Fact]
    public void A_batch_may_be_larger_than_the_number_of_pairs_and_the_sample_larger_than_both()
    {
        // One group of 30 pairs and 4 of one: a sample may hold the large one several times.
        string[] groups = [.. Enumerable.Range(0, 34).Select(i => i < 30 ? "large" : $"{i}")];
        var ensemble = HeadTrainer.TrainEnsemble(Pairs(34), s_small with { BatchPairs = 1000, HeldOutFraction = 0, MaxEpochs = 1 }, 8, true, groups);
        Assert.Equal(8, ensemble.Heads.Count);
    }

    [Fact]
    public void Doubt_is_larger_away_from_the_training_inputs()
    {
        var pairs = Pairs(200);
        var ensemble = HeadTrainer.TrainEnsemble(pairs, s_small with { MaxEpochs = 20 }, 8);
        double Doubt(ReadOnlySpan<float> v)
        {
            var scores = new float[8];
            for (int i = 0; i < 8; i++) scores[i] = (float)ensemble.Heads[i].Head.Score(v);
            return ScoreAggregate.StandardDeviation(scores);
        }
        double near = Enumerable.Range(0, 50).Average(pair => Doubt(pairs.Chosen(pair)));
        Assert.True(Doubt([30, -40, 30, -40, 30, 40]) > 3 * near, $"near the training inputs {near}, away {Doubt([30, -40, 30, -40, 30, 40])}");
        Assert.Contains("number of heads is 0", Assert.Throws<SparseRMException>(() => HeadTrainer.TrainEnsemble(pairs, s_small, 0)).Message);
    }

    private static PairInputs Pairs(int count, double shift = 1)
    {
        var random = new SeededRandom(11);
        float[] Side(double sign) => [.. Enumerable.Range(0, count * 6).Select(i => (float)(random.NextGaussian() + (i % 6 == 0 ? sign * shift : 0)))];
        return new PairInputs(Side(1), Side(-1), 6);
    }
}
