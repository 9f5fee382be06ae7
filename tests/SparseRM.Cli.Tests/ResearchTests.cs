using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>What a researcher asks: <c>baselines</c>, <c>sweep</c>, <c>evaluate --scores</c>.</summary>
public sealed class ResearchTests(FittedReward reward) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Baselines(params string[] more) => ["baselines", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train,
        "--pairs", "60", "--k", "4", "--hidden-units", "16", "--epochs", "6", "--cache", reward.Cache, .. more];

    [Fact]
    public void Baselines_print_rows_a_verdict_and_a_page()
    {
        string test = Some(FittedReward.Test, 30), scores = _folder.File("scores.jsonl"), report = _folder.File("report.html");
        File.WriteAllLines(scores, Enumerable.Range(0, 60).Select(i => i % 2 == 0 ? "1" : "{\"score\": 0.5}"));
        var json = Cli.Run(Baselines("--test", test, "--scores", scores, "--regimes", "all,8-pairs", "--draws", "1", "--report", report, "--json")).Json();
        var rows = json.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(12 + 11, rows.Length);
        Assert.All(rows, row => Assert.InRange(row.GetProperty("accuracy").GetDouble(), row.GetProperty("interval")[0].GetDouble(), row.GetProperty("interval")[1].GetDouble()));
        Assert.Equal(1, rows.Single(row => row.GetProperty("name").GetString() == "outside scores").GetProperty("accuracy").GetDouble());
        Assert.EndsWith(".", json.GetProperty("verdict").GetString());
        Assert.Contains("<svg", File.ReadAllText(report));
    }

    [Fact]
    public void A_sweep_goes_on_from_its_file()
    {
        string output = _folder.File("sweep.csv"), report = _folder.File("sweep.html");
        string[] command = ["sweep", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", Some(FittedReward.Train, 40), "--k", "1,4", "--loss", "margin,bce", "--hidden-units", "16",
            "--epochs", "4", "--cache", reward.Cache, "--output", output, "--report", report, "--json"];
        var first = Cli.Run(command).Json();
        Assert.Equal((0, 4), (first.GetProperty("known").GetInt32(), first.GetProperty("runs").GetArrayLength()));
        var again = Cli.Run(command).Json();
        Assert.Equal(4, again.GetProperty("known").GetInt32());
        Assert.Equal(first.GetProperty("runs").GetRawText(), again.GetProperty("runs").GetRawText());
        Assert.Equal(JsonValueKind.Object, again.GetProperty("chosen").ValueKind);
        Assert.Equal(5, File.ReadAllLines(output).Length);
        // Another study: the refusal is about the sweep's file, so nothing is said of bad rows of the data.
        var other = Cli.Run([.. command, "--weight-decay", "0.5"]);
        other.FailedInJson(1, "data", "sweep.csv, line 2", "of the study", "name another output");
        Assert.DoesNotContain("--skip-bad", other.Error);
        File.WriteAllText(output, "mine\n");
        Cli.Run(command).FailedInJson(1, "data", "sweep.csv", "runs of a sweep", "name another output");
        Assert.Equal("mine\n", File.ReadAllText(output));
    }

    [Fact]
    public void Evaluate_puts_outside_scores_beside_its_own()
    {
        string test = Some(FittedReward.Test, 10), scores = _folder.File("scores.jsonl");
        File.WriteAllLines(scores, Enumerable.Range(0, 20).Select(i => i % 4 == 0 ? "1" : "0"));
        string[] command = ["evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", test, "--scores", scores];
        Assert.Equal(5, Cli.Run([.. command, "--json"]).Json().GetProperty("outside").GetProperty("correct").GetInt32());
        Assert.Contains("outside scores", Cli.Run(command).Succeeded());
        File.AppendAllText(scores, "1\n");
        Cli.Run(command).Failed(1, "scores.jsonl", "21 scores", "20 answers");
    }

    [Fact]
    public void A_card_has_what_evaluate_counts_and_nothing_is_left_where_it_cannot_be()
    {
        string test = Some(FittedReward.Test, 20), card = _folder.File("card.html");
        var json = Cli.Run("report", reward.Path, "--model", FittedReward.Model, "--data", test, "--output", card, "--json").Json();
        var evaluated = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", test, "--json").Json();
        Assert.Equal((20, evaluated.GetProperty("accuracy").GetDouble()), (json.GetProperty("pairs").GetInt32(), json.GetProperty("accuracy").GetDouble()));
        Assert.Contains("<svg", File.ReadAllText(card));
        string bad = _folder.File("bad.html"), empty = _folder.File("empty.jsonl");
        File.WriteAllText(empty, "");
        Cli.Run("report", reward.Path, "--model", FittedReward.Model, "--data", empty, "--output", bad).Failed(1, "empty.jsonl");
        Assert.False(File.Exists(bad));
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run("baselines", "--model", "m", "--data", "d").Failed(2, "--sae is needed");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--scores", "x").Failed(2, "--scores", "--test");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--regimes", "all,some").Failed(2, "--regimes", "'some'", "8-pairs");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--regimes", "shift").Failed(2, "--shift");
        Cli.Run("sweep", "--model", "m", "--data", "d").Failed(2, "--sae", "--input dense");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense").Failed(2, "--layer is needed");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--k", "8,x").Failed(2, "--k", "'x'");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "-").Failed(2, "--output", "--json");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "/dev/full").Failed(2, "--output", "a device");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "x.csv", "--report", "x.csv").Failed(2, "--output and --report", "same file");
        Cli.Run("sweep", "--model", "m", "--data", FittedReward.Train, "--input", "dense", "--layer", "1", "--report", FittedReward.Train).Failed(2, "--report and --data", "same file");
        Cli.Run("report", "r.safetensors", "--model", "m", "--output", "x.html").Failed(2, "--model and --data");
    }

    private string Some(string data, int lines)
    {
        string path = _folder.File($"{lines}-{Path.GetFileName(data)}");
        File.WriteAllLines(path, File.ReadLines(data).Take(lines));
        return path;
    }
}
