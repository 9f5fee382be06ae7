using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Fitting;

/// <summary>Hidden states are computed once, whatever happens to the run that computes them.</summary>
public sealed class ResumeTests(FittedReward fitted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private TrainerOptions Cached => World.Trainer with { CacheFolder = _folder.File("cache"), Backbone = World.Backbone with { MaxBatchTokens = 256 } };

    [Fact]
    public void A_run_that_was_cancelled_resumes_and_a_second_fit_reads_nothing()
    {
        using var source = new CancellationTokenSource();
        long reached = 0;
        using (var trainer = RewardTrainer.Open(Cached))
        {
            var reports = new Reports(progress =>
            {
                reached = progress.Done;
                if (reached >= 100) source.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => trainer.ReadStates(World.Pairs("train", 120), reports, source.Token));
        }
        Assert.InRange(reached, 100, 239);
        // A batch that was begun for others' sake, who use the model at the same time, when it was cancelled is kept, too.
        var (found, same) = FitsLikeWithout();
        Assert.True(same);
        Assert.InRange(found, reached, 239);
        Assert.Equal((240, true), FitsLikeWithout());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_damaged_cache_is_not_believed(bool truncate)
    {
        FitsLikeWithout();
        string path = _folder.File("cache", HiddenStateCache.FileName);
        var bytes = File.ReadAllBytes(path);
        if (truncate) bytes = bytes[..^7];
        else bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        var (found, same) = FitsLikeWithout();
        Assert.True(same);
        Assert.InRange(found, 1, 239);
        Assert.Equal((240, true), FitsLikeWithout());
    }

    [Fact]
    public void Another_layer_position_template_or_type_finds_nothing()
    {
        FitsLikeWithout();
        Assert.Equal(0, Found(Cached with { Sae = null, Layer = 3 }));
        Assert.Equal(0, Found(Cached with { Position = SparseRM.Models.ReadOutPosition.Mean }));
        Assert.Equal(0, Found(Cached with { Backbone = Cached.Backbone with { ChatTemplate = "none" } }));
        Assert.Equal(0, Found(Cached with { Backbone = Cached.Backbone with { Compute = SparseRM.Tensors.DType.F32 } }));
        Assert.Equal(240, Found(Cached));
    }

    [Fact]
    public void A_cache_that_another_run_writes_is_read_and_warned_of()
    {
        FitsLikeWithout();
        using var first = RewardTrainer.Open(Cached);
        Assert.DoesNotContain(first.Warnings, warning => warning.Contains("another run"));
        using var second = RewardTrainer.Open(Cached);
        Assert.Contains("another run is writing it", Assert.Single(second.Warnings.Except(first.Warnings)));
        long? found = null;
        second.ReadStates(World.Pairs("train", 130), new Reports(progress => found ??= progress.Done));
        // 240 of the first 120 pairs; a later pair may repeat one of their dialogues.
        Assert.InRange(found!.Value, 240, 259);
    }

    [Fact]
    public void A_cancelled_token_stops_encoding_and_training()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 40));
        foreach (string stage in (string[])["encoding states", "training the head"])
        {
            using var source = new CancellationTokenSource();
            var seen = new List<string>();
            var reports = new Reports(progress =>
            {
                seen.Add(progress.Stage);
                if (progress.Stage == stage) source.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => trainer.Fit(states, World.Fit, progress: reports, cancel: source.Token));
            Assert.Equal(stage, seen[^1]);
        }
        Assert.NotNull(trainer.Fit(states, World.Fit).Reward);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>How many states the cache gave, and whether the reward file has the bytes of a fit without a cache.</summary>
    private (long Found, bool SameBytes) FitsLikeWithout()
    {
        using var trainer = RewardTrainer.Open(Cached);
        long? found = null;
        var states = trainer.ReadStates(World.Pairs("train", 120), new Reports(progress => found ??= progress.Done));
        string path = _folder.File("reward.safetensors");
        RewardModelFile.Save(path, trainer.Fit(states, World.Fit).Reward);
        return (found!.Value, File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(fitted.Path)));
    }

    private static long Found(TrainerOptions options)
    {
        using var trainer = RewardTrainer.Open(options);
        using var source = new CancellationTokenSource();
        long? found = null;
        var reports = new Reports(progress =>
        {
            found ??= progress.Done;
            source.Cancel();
        });
        // What was found is told first; what is missing need not be computed.
        if (Record.Exception(() => trainer.ReadStates(World.Pairs("train", 120), reports, source.Token)) is { } stopped)
            Assert.IsAssignableFrom<OperationCanceledException>(stopped);
        return found!.Value;
    }
}
