using SparseRM.Research.Baselines;
using SparseRM.Research.Reproduction;
using SparseRM.Research.Sweeps;

namespace SparseRM.Research.Tests;

public sealed class ReproductionTests
{
    private static readonly SweepOptions s_options = new() { Ks = [4], HiddenUnits = [16], Seeds = 1, Training = World.Training };

    [Fact]
    public void Rows_that_can_be_are_those_of_a_sweep_and_the_others_say_why_not()
    {
        var result = PaperReproduction.Run(World.Backbone, World.Sae, [new PaperTask("TruthfulQA", World.Pairs("train", 60), World.Pairs("test", 40))], s_options);
        var sweep = Sweep.Run(World.Backbone, s_options with { Saes = [World.Sae], Losses = [Fitting.PreferenceLossKind.Bce] }, World.Pairs("train", 60),
            World.Pairs("test", 40), null, _ => new MemorySweepLog());
        var bce = result.Rows.Single(row => row.Name == "BCE");
        Assert.Equal(sweep.Summaries[0].Accuracy, bce.Cells[2].Here);
        Assert.Equal((0.857, 40), (bce.Cells[0].Published, bce.Cells[2].TestPairs));
        Assert.Null(bce.Cells[0].Here);
        Assert.Equal("no pairs were given for SafeRLHF and Red-Teaming", bce.Missing);
        Assert.Equal(7, result.Rows.Count(row => row.Cells[2].Here is not null));
        var aligned = result.Rows.Where(row => row.Table == "after alignment").ToArray();
        Assert.Equal(8, aligned.Length);
        Assert.All(aligned, row => Assert.True(row.Cells.All(cell => cell.Here is null) && row.Missing!.Contains("outside trainer", StringComparison.Ordinal)));
        Assert.Contains("of 1 tasks", result.Verdict);
    }

    [Fact]
    public void The_verdict_counts_orders_and_only_intervals_that_lie_apart()
    {
        PaperRow Row(string table, string name, params (double Low, double At, double High)[] here) =>
            new(table, name, [.. here.Select((one, i) => new PaperCell($"{i}", null, new Interval(one.At, one.Low, one.High), 100))], null);
        string verdict = PaperReproduction.VerdictOf([
            Row("head input", "top-K directions", (0.9, 0.95, 0.97), (0.6, 0.7, 0.8)), Row("head input", "random directions", (0.7, 0.8, 0.85), (0.6, 0.7, 0.8)),
            Row("head input", "SAE activations", (0.9, 0.96, 0.98), (0.5, 0.6, 0.7)), Row("loss", "margin", (0.9, 0.95, 0.97), (0.6, 0.7, 0.8)),
            Row("loss", "Bradley-Terry", (0.9, 0.95, 0.97), (0.6, 0.7, 0.8)), Row("loss", "BCE", (0.1, 0.2, 0.3), (0.1, 0.2, 0.3))]);
        Assert.Equal("Of the paper's orders there hold here: top-K directions above random ones on 1 of 2 tasks, with intervals apart on 1; top-K directions above SAE activations on 1 of 2 tasks, with intervals apart on 0; "
            + "margin above Bradley-Terry on 0 of 2 tasks, with intervals apart on 0; margin above BCE on 2 of 2 tasks, with intervals apart on 2.", verdict);
    }

    [Fact]
    public void Refuses_tasks_that_the_paper_has_not()
    {
        var pairs = World.Pairs("train", 20);
        World.Refuses(() => PaperReproduction.Run(World.Backbone, World.Sae, [], s_options), "no task was given", "SafeRLHF");
        World.Refuses(() => PaperReproduction.Run(World.Backbone, World.Sae, [new PaperTask("MMLU", pairs, null)], s_options), "'MMLU' is no task");
        World.Refuses(() => PaperReproduction.Run(World.Backbone, World.Sae, [new PaperTask("SafeRLHF", pairs, null), new PaperTask("SafeRLHF", pairs, null)], s_options), "given twice");
    }
}
