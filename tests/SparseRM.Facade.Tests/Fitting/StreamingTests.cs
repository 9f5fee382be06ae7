using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Fitting;

/// <summary>States that are not kept in memory: read again, or computed again, for each pass.</summary>
// Live bytes are counted: nothing else may run meanwhile.
[Collection(nameof(StreamingTests)), CollectionDefinition(nameof(StreamingTests), DisableParallelization = true)]
public sealed class StreamingTests(FittedReward fitted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_fit_has_the_same_bytes_as_with_states_in_memory(bool cached)
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { KeptStateBytes = 0, CacheFolder = cached ? _folder.File("cache") : null });
        var states = trainer.ReadStates(World.Pairs("train", 120));
        Assert.False(states.AreKept);
        string path = _folder.File("reward.safetensors");
        RewardModelFile.Save(path, trainer.Fit(states, World.Fit).Reward);
        Assert.Equal(File.ReadAllBytes(fitted.Path), File.ReadAllBytes(path));
        var test = trainer.ReadStates(World.Pairs("test", 20));
        TensorAssert.SameBits(fitted.Scores, trainer.Scores(fitted.Result.Reward, test));
        if (cached) Assert.Empty(trainer.Warnings);
        else Assert.Contains("again", Assert.Single(trainer.Warnings));
    }

    [Fact]
    public void Activations_of_a_top_k_SAE_fit_and_fold_alike()
    {
        var options = World.Fit with { Input = HeadInputKind.Activations };
        using var kept = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        using var streamed = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae, KeptStateBytes = 0 });
        var data = World.Pairs("train", 60);
        var (a, b) = (kept.ReadStates(data), streamed.ReadStates(data));
        var (first, second) = (kept.Fit(a, options).Reward, streamed.Fit(b, options).Reward);
        Assert.Equal(first.Head.W1.ToArray(), second.Head.W1.ToArray());
        TensorAssert.SameBits(kept.Scores(first, a), streamed.Scores(second, b));
        Assert.Equal(
            CrossValidation.Run(kept, a, options, folds: 2, groupByPrompt: true).Folds,
            CrossValidation.Run(streamed, b, options, folds: 2, groupByPrompt: true).Folds);
    }

    [Fact]
    public void Scores_of_rows_that_are_not_asked_for_are_NaN()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("test", 20));
        float[] scores = trainer.Scores(fitted.Result.Reward, states, [3, 1]);
        Assert.Equal([1, 3], Enumerable.Range(0, scores.Length).Where(row => !float.IsNaN(scores[row])));
        Assert.Equal((fitted.Scores[1], fitted.Scores[3]), (scores[1], scores[3]));
    }

    [Fact]
    public void Counting_frequencies_keeps_no_states()
    {
        const int Few = 100, Many = 1000, StateBytes = 192 * sizeof(float);
        LiveBytes(Few, 0); // what a first run needs is there from now on
        long more = 2L * (Many - Few); // completions
        var (textsOfFew, few) = LiveBytes(Few, 0);
        var (textsOfMany, many) = LiveBytes(Many, 0);
        long texts = textsOfMany - textsOfFew;
        // Some integers for each completion: where it stands among the pairs, its place in the order of batches.
        Assert.InRange(many - few - texts, long.MinValue, more * StateBytes / 6);
        // What the measure says of states that are kept.
        Assert.InRange(LiveBytes(Many, long.MaxValue).Live - LiveBytes(Few, long.MaxValue).Live - texts, more * StateBytes, long.MaxValue);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Live managed bytes before a fit, with texts and token ids in memory, and at the end of counting.</summary>
    private (long Before, long Live) LiveBytes(int pairs, long keptBytes)
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { KeptStateBytes = keptBytes, Backbone = World.Backbone with { MaxBatchTokens = 256 } });
        var states = trainer.ReadStates(Numbered(pairs));
        long before = GC.GetTotalMemory(forceFullCollection: true), live = 0;
        using var source = new CancellationTokenSource();
        var reports = new Reports(progress =>
        {
            if (progress.Stage != "encoding states" || progress.Done < progress.Total) return;
            live = GC.GetTotalMemory(forceFullCollection: true);
            source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Fit(states, World.Fit, progress: reports, cancel: source.Token));
        Assert.True(live > 0);
        return (before, live);
    }

    /// <summary>Pairs with a prompt of their own each.</summary>
    private PreferenceSet Numbered(int pairs)
    {
        string path = _folder.File($"{pairs}.jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, pairs).Select(
            i => $$"""{"prompt": "Is {{i}} more than {{i / 2}}?", "chosen": "Yes.", "rejected": "No."}"""));
        return PreferenceFile.Read(path);
    }
}
