using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.HostBenchmarks;

/// <summary>Reward models on the demo's model, in a folder that goes with this.</summary>
internal sealed class DemoReward : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-bench-").FullName;

    /// <summary>Fits one, on few pairs: it is timed, not believed.</summary>
    /// <param name="layer">Block after which it reads: 4 as in the demo; 0 for as little model as there can be.</param>
    public DemoReward(int layer)
    {
        Path = System.IO.Path.Combine(_folder, "reward.safetensors");
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = new BackboneOptions { Model = MiniWorldDemo.Model }, Layer = layer });
        var data = PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "train"), new PreferenceReadOptions { Limit = 100 });
        var options = new FitOptions { Input = HeadInput.Parse("dense"), Training = new HeadTrainingOptions { MaxEpochs = 2, HiddenUnits = 64 } };
        RewardModelFile.Save(Path, trainer.Fit(trainer.ReadStates(data), options).Reward);
    }

    /// <summary>Its file.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
