[assembly: AssemblyFixture(typeof(SparseRM.Cli.Tests.FittedReward))]

namespace SparseRM.Cli.Tests;

/// <summary>A reward file fitted once on the demo's model, and a cache of its states, for all tests.</summary>
public sealed class FittedReward : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<CliResult> _fit, _ensemble;
    private readonly Lazy<string> _combined;

    public FittedReward()
    {
        _fit = new Lazy<CliResult>(() => Fitted("reward.safetensors"));
        _ensemble = new Lazy<CliResult>(() => Fitted("ensemble.safetensors", "--heads", "3", "--bootstrap", "on"));
        _combined = new Lazy<string>(() =>
        {
            string path = _folder.File("combined.safetensors");
            Cli.Run("combine", "--component", $"one={Path}", "--component", $"three={Ensemble}:-0.5", "--output", path).Succeeded();
            return path;
        });
    }

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

    /// <summary>What the fit of three heads said.</summary>
    internal CliResult EnsembleFit => _ensemble.Value;

    /// <summary>A reward file with three heads.</summary>
    public string Ensemble
    {
        get
        {
            _ensemble.Value.Succeeded();
            return _folder.File("ensemble.safetensors");
        }
    }

    /// <summary>Components <c>one</c> (weight 1, one head) and <c>three</c> (weight -0.5, three heads).</summary>
    public string Combined => _combined.Value;

    /// <summary>The folder of states.</summary>
    public string Cache => _folder.File("cache");

    public void Dispose() => _folder.Dispose();

    private CliResult Fitted(string name, params string[] more) => Cli.Run(
        ["fit", "--model", Model, "--sae", Sae, "--data", Train, "--pairs", "200", "--k", "8", "--cache", Cache, "--output", _folder.File(name), "--json", .. more]);
}
