[assembly: AssemblyFixture(typeof(SparseRM.Research.Tests.World))]

namespace SparseRM.Research.Tests;

using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;

/// <summary>MiniWorld with a trainer that is opened once, and settings that make a fit take a fraction of a second.</summary>
public sealed class World : IDisposable
{
    private readonly Lazy<RewardTrainer> _trainer = new(() => RewardTrainer.Open(new TrainerOptions { Backbone = Backbone, Sae = Sae }));

    public static string Sae => SharedData.MiniWorld("saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25");

    public static BackboneOptions Backbone { get; } = new() { Model = SharedData.MiniWorld("model"), Backend = "cpu", Threads = 2 };

    public static HeadTrainingOptions Training { get; } = new() { MaxEpochs = 8, Patience = 4, HiddenUnits = 16, Threads = 2 };

    public RewardTrainer Trainer => _trainer.Value;

    public static PreferenceSet Pairs(string part, int count) =>
        PreferenceFile.Read(SharedData.MiniWorld("pairs", $"truthfulness.{part}.jsonl"), new PreferenceReadOptions { Limit = count });

    internal AnswerSet Answers(string part, int count) => new(Trainer.ReadStates(Pairs(part, count)));

    /// <summary>The refusal: one sentence on one line that holds all of <paramref name="parts"/>.</summary>
    public static void Refuses(Action action, params ReadOnlySpan<string> parts)
    {
        string message = Assert.ThrowsAny<SparseRMException>(action).Message;
        Assert.DoesNotContain('\n', message);
        foreach (string part in parts) Assert.Contains(part, message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        if (_trainer.IsValueCreated) _trainer.Value.Dispose();
    }
}
