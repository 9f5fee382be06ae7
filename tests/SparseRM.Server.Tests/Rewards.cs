using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Server.Tests;
using SparseRM.Text;

[assembly: AssemblyFixture(typeof(Rewards))]

namespace SparseRM.Server.Tests;

/// <summary>Two reward files on MiniWorld, fitted once for all tests, and what the library says of texts with them.</summary>
public sealed class Rewards : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    public Rewards()
    {
        True = Fit("truthfulness");
        Safe = Fit("safety");
        Scorer = RewardScorer.Open(True, Backbone);
        SafeScorer = RewardScorer.Open(Safe, Backbone);
    }

    /// <summary>A reward file for true answers.</summary>
    public string True { get; }

    /// <summary>A reward file for safe answers.</summary>
    public string Safe { get; }

    /// <summary>What the server must answer with, from the library.</summary>
    public RewardScorer Scorer { get; }

    /// <summary>Likewise, of <see cref="Safe"/>.</summary>
    public RewardScorer SafeScorer { get; }

    /// <summary>One server with both reward models, for all tests that change nothing of it.</summary>
    internal TestServer Server { get; private set; } = null!;

    public static BackboneOptions Backbone { get; } = new() { Model = SharedData.MiniWorld("model"), Backend = "cpu", Threads = 1 };

    /// <summary>A dialogue as the model's template writes it, BOS included.</summary>
    public string Rendered(string prompt, string answer) => Scorer.Backbone.Template!.Render([new("user", prompt), new("assistant", answer)]).Text;

    /// <summary>Its ids.</summary>
    public int[] Ids(string prompt, string answer) => Scorer.Backbone.Encoder.Encode([new Message("user", prompt), new Message("assistant", answer)]).Ids.ToArray();

    /// <summary>A server of the first reward file, or of what the test makes of it.</summary>
    internal Task<TestServer> Start(Func<ServerOptions, ServerOptions>? change = null, Action<Microsoft.Extensions.Logging.ILoggingBuilder>? logging = null) =>
        TestServer.Start((change ?? (options => options))(new ServerOptions
        {
            Backbone = Backbone, Rewards = [new("true", True)], Listen = new(System.Net.IPAddress.Loopback, 0),
        }), logging);

    public async ValueTask InitializeAsync() => Server = await Start(options => options with { Rewards = [new("true", True), new("safe", Safe)], Keep = 10 });

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Scorer.Dispose();
        SafeScorer.Dispose();
        _folder.Dispose();
    }

    private string Fit(string task)
    {
        string path = _folder.File($"{task}.safetensors");
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = Backbone, Sae = SharedData.MiniWorld("saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25") });
        var pairs = PreferenceFile.Read(SharedData.MiniWorld("pairs", $"{task}.train.jsonl"), new PreferenceReadOptions { Limit = 100 });
        var fit = new FitOptions { K = 8, Heads = 3, Training = new HeadTrainingOptions { MaxEpochs = 6, HiddenUnits = 32, Threads = 1 } };
        RewardModelFile.Save(path, trainer.Fit(trainer.ReadStates(pairs), fit).Reward);
        return path;
    }
}
