using SparseRM.Fitting;
using SparseRM.Research.Sweeps;
using SparseRM.Scoring;

namespace SparseRM.Research.Tests;

public sealed class SweepTests(World world) : IDisposable
{
    private static readonly SweepOptions s_options = new()
    {
        Saes = [World.Sae], Layers = [2, 4], Inputs = [HeadInputKind.Projection, HeadInputKind.Dense], Ks = [1, 4], Seeds = 2, Training = World.Training, HiddenUnits = [16],
        Losses = [PreferenceLossKind.Margin, PreferenceLossKind.Bce],
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Runs_every_combination_that_can_be_and_tells_of_the_others()
    {
        var result = Run(s_options, new MemorySweepLog());
        // Layer 2 has no SAE: 2 seeds x 2 losses on the dense state; layer 4: the same, and 2 K x 2 seeds x 2 losses.
        Assert.Equal(4 + 4 + 8, result.Runs.Count);
        Assert.Equal(result.Runs.Count, result.Runs.Select(run => run.Setting).Distinct().Count());
        Assert.Contains("no SAE of layer 2", Assert.Single(result.Notes));
        Assert.Equal(8, result.Summaries.Count);
        Assert.All(result.Summaries, summary => Assert.Equal(2, summary.Seeds));
        Assert.Equal(result.Summaries.Max(summary => summary.HeldOutAccuracy), result.Chosen!.HeldOutAccuracy);
    }

    [Fact]
    public void A_run_is_the_fit_of_those_settings()
    {
        var run = Run(s_options with { Ks = [4], Inputs = [HeadInputKind.Projection], Layers = null, Seeds = 1, Losses = [PreferenceLossKind.Margin] }, new MemorySweepLog()).Runs.Single();
        var states = world.Trainer.ReadStates(World.Pairs("train", 60));
        var fit = world.Trainer.Fit(states, new FitOptions { K = 4, Training = World.Training });
        var test = world.Trainer.ReadStates(World.Pairs("test", 40));
        float[] scores = world.Trainer.Scores(fit.Reward, test);
        Assert.Equal(fit.Head.HeldOutAccuracy, run.HeldOutAccuracy);
        Assert.Equal(fit.Head.BestEpoch, run.Epoch);
        Assert.Equal(test.Pairs().Count(pair => scores[pair.Chosen] > scores[pair.Rejected]), run.Correct);
    }

    [Fact]
    public void The_file_is_the_same_on_any_number_of_threads_and_a_stopped_sweep_goes_on_from_it()
    {
        string whole = _folder.File("whole.csv"), stopped = _folder.File("stopped.csv");
        Logged(s_options with { Training = World.Training with { Threads = 1 } }, whole);
        string[] lines = File.ReadAllLines(whole);
        Assert.Equal(1 + 16, lines.Length);
        // Six whole runs, and half a line of the seventh.
        File.WriteAllText(stopped, string.Join('\n', lines[..7]) + '\n' + lines[7][..20]);
        Assert.Equal(6, Logged(s_options, stopped).Known);
        Assert.Equal(File.ReadAllText(whole), File.ReadAllText(stopped));
        // Nothing is missing, and the half line goes all the same.
        File.AppendAllText(stopped, lines[7][..20]);
        Assert.Equal(16, Logged(s_options, stopped).Known);
        Assert.Equal(File.ReadAllText(whole), File.ReadAllText(stopped));
        // More values add to what is there.
        Assert.Equal(16, Logged(s_options with { Ks = [1, 2, 4] }, stopped).Known);
        Assert.Equal(1 + 20, File.ReadAllLines(stopped).Length);
    }

    [Fact]
    public void A_file_of_something_else_is_refused_and_left_as_it_is()
    {
        string path = _folder.File("other.csv");
        File.WriteAllText(path, "a,b\n1,2\n");
        World.Refuses(() => Logged(s_options, path), "other.csv, line 1", "name another output");
        File.WriteAllText(path, CsvSweepLog.Header + "\nx,y,last,4,,dense,,0,16,margin,1,30,40,0.75,0.6,0.8,0.7,3\n");
        World.Refuses(() => Logged(s_options, path), "line 2", "study x", "name another output");
        foreach (string bad in (string[])["x,y,last,4", "x,y,last,4,,dense,,0,16,margin,1,50,40,0.75,0.6,0.8,0.7,3", "x,y,first,4,,dense,,0,16,margin,1,30,40,0.75,0.6,0.8,0.7,3"])
        {
            File.WriteAllText(path, CsvSweepLog.Header + "\n" + bad + "\n");
            World.Refuses(() => Logged(s_options, path), "line 2", "not a run of a sweep");
            Assert.Equal(CsvSweepLog.Header + "\n" + bad + "\n", File.ReadAllText(path));
        }
    }

    [Fact]
    public void A_sweep_that_fails_before_its_first_run_leaves_no_file()
    {
        string path = _folder.File("none.csv");
        World.Refuses(() => Logged(s_options with { KeptStateBytes = 1000 }, path), "fewer pairs");
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Names_with_commas_and_quotes_come_back_from_the_file()
    {
        string path = _folder.File("names.csv");
        var run = new SweepRun(new SweepSetting(Models.ReadOutPosition.Mean, 3, "a, \"b\"", HeadInputKind.Projection, 8, 100, 64, PreferenceLossKind.BradleyTerry, 5, "w"), 7, 9, null, 2);
        using (var log = CsvSweepLog.Open(path, "s")) log.Add(run);
        using var again = CsvSweepLog.Open(path, "s");
        Assert.Equal(run, Assert.Single(again.Known.Values));
    }

    [Fact]
    public void Refuses_what_cannot_be_run()
    {
        World.Refuses(() => Run(s_options with { Layers = [9] }, new MemorySweepLog()), "no layer 9", "0 to 5");
        World.Refuses(() => Run(s_options with { Layers = [1], Inputs = [HeadInputKind.Projection] }, new MemorySweepLog()), "nothing to run", "layer 1");
        World.Refuses(() => Run(s_options with { Saes = [], Layers = null }, new MemorySweepLog()), "no layer was given");
        World.Refuses(() => Run(s_options with { Ks = [0] }, new MemorySweepLog()), "value of k");
        World.Refuses(() => Run(s_options with { Pairs = [20, 61] }, new MemorySweepLog()), "61 pairs", "has 60", "0, which is all");
    }

    [Fact]
    public void A_mean_over_seeds_has_the_seeds_chance_in_its_interval()
    {
        SweepRun Of(int correct) => new(new SweepSetting(default, 0, null, HeadInputKind.Dense, null, 0, 1, default, correct), correct, 100, null, 1);
        var same = SweepResult.MeanOf([Of(80), Of(80)]);
        Assert.Equal(0.8, same.Value, 12);
        Assert.Equal(new AccuracyInterval(80, 100).Low, same.Low, 12);
        var apart = SweepResult.MeanOf([Of(70), Of(90)]);
        Assert.Equal(0.8, apart.Value, 12);
        // The deviation of 0.7 and 0.9 is 0.1414; its standard error of two is 0.1.
        Assert.Equal(Math.Sqrt(Math.Pow(0.8 - new AccuracyInterval(80, 100).Low, 2) + Math.Pow(0.196, 2)), 0.8 - apart.Low, 4);
    }

    private static SweepResult Logged(SweepOptions options, string path) => Sweep.Run(World.Backbone, options, World.Pairs("train", 60), World.Pairs("test", 40), null,
        study => CsvSweepLog.Open(path, study));

    private static SweepResult Run(SweepOptions options, ISweepLog log) => Sweep.Run(World.Backbone, options, World.Pairs("train", 60), World.Pairs("test", 40), null, _ => log);
}
