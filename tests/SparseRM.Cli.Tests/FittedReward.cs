[assembly: AssemblyFixture(typeof(SparseRM.Cli.Tests.FittedReward))]

namespace SparseRM.Cli.Tests;

/// <summary>A reward file fitted once on the demo's model, and a cache of its states, for all tests.</summary>
public sealed class FittedReward : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<CliResult> _fit;

    public FittedReward() => _fit = new Lazy<CliResult>(() => Cli.Run(
        "fit", "--model", Model, "--sae", Sae, "--data", Train, "--pairs", "200", "--k", "8", "--cache", Cache,
        "--output", _folder.File("reward.safetensors"), "--json"));

    public static string Model => SharedData.MiniWorld("model");

    public static string Sae => SharedData.MiniWorld("saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25");

    public static string Train => SharedData.MiniWorld("pairs", "truthfulness.train.jsonl");

    public static string Test => SharedData.MiniWorld("pairs", "truthfulness.test.jsonl");

    /// <summary>What the fit said.</summary>
    internal CliResult Fit => _fit.Value;

    /// <summary>The reward file.</summary>
    public string Path
    {
        get
        {
            _fit.Value.Succeeded();
            return _folder.File("reward.safetensors");
        }
    }

    /// <summary>The folder of states.</summary>
    public string Cache => _folder.File("cache");

    public void Dispose() => _folder.Dispose();
}
