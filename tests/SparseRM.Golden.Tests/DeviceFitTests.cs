using SparseRM.Data;
using SparseRM.Interop.Cuda;
using SparseRM.Scoring;

namespace SparseRM.Golden.Tests;

/// <summary>Alone in the process: the driver's calls are counted.</summary>
[CollectionDefinition(nameof(DeviceFitTests), DisableParallelization = true)]
public sealed class DeviceFitTestsCollection;

/// <summary>A fit on a device: what stays there between the forward pass and the SAE.</summary>
[Collection(nameof(DeviceFitTests))]
public sealed class DeviceFitTests
{
    private const string Upload = "cuMemcpyHtoDAsync_v2";

    [Fact]
    public void Kept_states_are_not_sent_to_the_device_to_be_encoded()
    {
        Assert.SkipUnless(CudaBackend.HasKernels && MockDriver.IsInstalled, "it counts the calls of the mock driver");
        MockDriver.Violations(); // of tests before this one: side by side, one closes its backend while another's has work
        PreferenceSet data = Read(2);
        PreferenceSet[] others = [Read(3), Read(4), Read(5)];
        var options = new TrainerOptions
        {
            Backbone = new BackboneOptions { Model = SharedData.MiniWorld("model"), Backend = "cuda:0" }, Sae = SharedData.MiniWorld("saes", "saelens-topk-layer-4"),
        };
        using var trainer = RewardTrainer.Open(options);
        using var without = RewardTrainer.Open(options with { Sae = null, Layer = trainer.Layer });
        PreferenceStates? states = null;
        // What first passes bring to the device, the encoder too.
        without.ReadStates(data);
        trainer.ReadStates(data, withLatents: true);
        int plain = Uploads(() => without.ReadStates(data));
        Assert.True(plain > 0);
        // Nobody asked for latents.
        Assert.Equal(plain, Uploads(() => trainer.ReadStates(data)));
        // At most one more: where on the device each row's latents go before they are brought to the host, unless the pass has brought the same numbers.
        Assert.InRange(Uploads(() => states = trainer.ReadStates(data, withLatents: true)), plain, plain + 1);
        // Counting, and the heads' inputs.
        Assert.Equal(0, Uploads(() => FitUpToTheHead(trainer, states!)));
        Assert.Equal("", MockDriver.Violations());

        int Uploads(Action action)
        {
            // What equals an array that was brought just before is not brought again.
            foreach (var other in others) without.ReadStates(other);
            return Counted(action);
        }
    }

    private static PreferenceSet Read(int pairs) => PreferenceFile.Read(SharedData.MiniWorld("pairs", "truthfulness.train.jsonl"), new PreferenceReadOptions { Limit = pairs });

    private static int Counted(Action action)
    {
        int before = MockDriver.Count(Upload);
        action();
        return MockDriver.Count(Upload) - before;
    }

    private static void FitUpToTheHead(RewardTrainer trainer, PreferenceStates states)
    {
        using var cancel = new CancellationTokenSource();
        var options = new FitOptions { K = 2, Input = HeadInputKind.Activations };
        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Fit(states, options, null, new Stop(cancel), cancel.Token));
    }

    private sealed class Stop(CancellationTokenSource cancel) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Stage == "training the head") cancel.Cancel();
        }
    }
}
