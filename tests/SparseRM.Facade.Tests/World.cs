using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Facade.Tests;

/// <summary>MiniWorld as these tests use it, with settings that make a fit take less than a second.</summary>
internal static class World
{
    public static string Model => SharedData.MiniWorld("model");

    public static string Sae => SharedData.MiniWorld("saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25");

    public static string TopKSae => SharedData.MiniWorld("saes", "saelens-topk-layer-4");

    public static PreferenceSet Pairs(string part, int count) =>
        PreferenceFile.Read(SharedData.MiniWorld("pairs", $"truthfulness.{part}.jsonl"), new PreferenceReadOptions { Limit = count });

    public static BackboneOptions Backbone { get; } = new() { Model = Model, Backend = "cpu", Threads = 2 };

    public static TrainerOptions Trainer { get; } = new() { Backbone = Backbone, Sae = Sae };

    public static FitOptions Fit { get; } = new()
    {
        K = 8, Training = new HeadTrainingOptions { MaxEpochs = 12, HiddenUnits = 64, Threads = 2 },
    };

    /// <summary>Opens, reads, fits, saves.</summary>
    public static FitResult FitTo(string path, FitOptions options, PreferenceSet data, TrainerOptions? reading = null)
    {
        using var trainer = RewardTrainer.Open(reading ?? Trainer);
        var result = trainer.Fit(trainer.ReadStates(data), options);
        RewardModelFile.Save(path, result.Reward);
        return result;
    }

    /// <summary>Every dialogue of the set: prompt with each of its completions, chosen before rejected.</summary>
    public static IReadOnlyList<Message>[] Dialogues(PreferenceSet data) =>
        [.. from item in data.Items from completion in item.Chosen.Concat(item.Rejected) select (IReadOnlyList<Message>)[.. item.Prompt, .. completion]];

    /// <summary>What a reward of position last reads of a dialogue.</summary>
    public static TokenSequence Last(Backbone backbone, IReadOnlyList<Message> dialogue) => backbone.Encoder.Encode(dialogue).ReadAt(ReadOutPosition.Last);

    /// <summary>The refusal: one sentence on one line that holds all of <paramref name="parts"/>.</summary>
    public static void Refuses(Action action, params ReadOnlySpan<string> parts)
    {
        string message = Assert.ThrowsAny<SparseRMException>(action).Message;
        Assert.DoesNotContain('\n', message);
        foreach (string part in parts) Assert.Contains(part, message, StringComparison.Ordinal);
    }
}

/// <summary>Hands reports on at once, on the calling thread.</summary>
internal sealed class Reports(Action<WorkProgress> seen) : IProgress<WorkProgress>
{
    public void Report(WorkProgress value) => seen(value);
}
