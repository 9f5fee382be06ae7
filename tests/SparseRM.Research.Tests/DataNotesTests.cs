using SparseRM.Research.Baselines;
using SparseRM.Research.Reproduction;
using SparseRM.Research.Robustness;
using SparseRM.Research.Sweeps;

namespace SparseRM.Research.Tests;

/// <summary>What a reader is told where accuracies say less than they seem to.</summary>
public sealed class DataNotesTests(World world)
{
    private static readonly SweepOptions s_sweep = new() { Ks = [4], HiddenUnits = [16], Seeds = 1, Training = World.Training with { MaxEpochs = 2 } };

    [Fact]
    public void Few_prompts_and_shared_prompts_are_told_of_and_enough_of_others_are_not()
    {
        Assert.Empty(DataNotes.Of(World.Pairs("train", 200), World.Pairs("test", 200)));
        string[] few = [.. DataNotes.Of(World.Pairs("train", 8), World.Pairs("test", 5))];
        Assert.Equal(2, few.Length);
        Assert.Contains("truthfulness.train.jsonl has 8 different prompts to learn from", few[0]);
        Assert.Contains("truthfulness.test.jsonl has 5 different prompts to be tested on", few[1]);
        Assert.Contains("20 points", few[1]);
        var same = World.Pairs("train", 200);
        Assert.Contains("prompts of 200 of 200 test items", Assert.Single(DataNotes.Of(same, same)));
    }

    [Fact]
    public void Every_study_passes_them_on()
    {
        var (train, test) = (World.Pairs("train", 12), World.Pairs("test", 6));
        IEnumerable<string>[] studies =
        [
            RobustnessStudy.Run(world.Trainer, train, test, new RobustnessData(null, [], null),
                new RobustnessOptions { K = 4, Draws = 1, Losses = [Fitting.PreferenceLossKind.Margin], Training = World.Training with { MaxEpochs = 2 } }).Notes,
            PaperReproduction.Run(World.Backbone, World.Sae, [new PaperTask("TruthfulQA", train, test)], s_sweep).Notes,
            BaselineStudy.Run(world.Trainer, train, test, null, null, new BaselineOptions { K = 4, Draws = 1, Regimes = [Regime.All], Training = World.Training with { MaxEpochs = 2 } }).Notes,
            Sweep.Run(World.Backbone, s_sweep with { Saes = [World.Sae] }, train, test, null, _ => new MemorySweepLog()).Notes,
        ];
        Assert.All(studies, notes => Assert.Equal(1, notes.Count(note => note.Contains("6 different prompts to be tested on"))));
        Assert.All(studies, notes => Assert.Equal(1, notes.Count(note => note.Contains("12 different prompts to learn from"))));
        // The same file to learn from and to be tested on.
        Assert.Contains(PaperReproduction.Run(World.Backbone, World.Sae, [new PaperTask("TruthfulQA", train, train)], s_sweep).Notes, note => note.Contains("prompts of 12 of 12 test items"));
    }
}
