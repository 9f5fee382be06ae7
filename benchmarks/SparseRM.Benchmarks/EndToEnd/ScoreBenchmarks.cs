using BenchmarkDotNet.Attributes;
using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Benchmarks.EndToEnd;

/// <summary>Scores of token ids with the demo's model and a reward that was fitted for it: what one call takes and allocates.</summary>
[Config(typeof(OpConfig))]
public class ScoreBenchmarks
{
    private string _folder = "";
    private RewardScorer _scorer = null!;
    private TokenSequence[] _sequences = [];

    [Params(64, 256)] public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("sparserm-bench-").FullName;
        string reward = Path.Combine(_folder, "reward.safetensors");
        var options = new BackboneOptions { Model = MiniWorldDemo.Model };
        using (var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = options, Sae = MiniWorldDemo.Sae }))
        {
            var data = PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "train"), new PreferenceReadOptions { Limit = 200 });
            RewardModelFile.Save(reward, trainer.Fit(trainer.ReadStates(data), new FitOptions { K = 8, Training = new HeadTrainingOptions { MaxEpochs = 2 } }).Reward);
        }
        _scorer = RewardScorer.Open(reward, options);
        var random = new SeededRandom(1);
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(_ => random.NextInt(_scorer.Backbone.Config.DVocab))];
        _sequences = [_scorer.Backbone.Encoder.EncodeIds(ids).ReadAt(_scorer.Position)];
    }

    [Benchmark] public float Score() => _scorer.ScoreBatch(_sequences)[0];

    [GlobalCleanup]
    public void Cleanup()
    {
        _scorer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
