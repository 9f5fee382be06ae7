using System.IO.Compression;
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
    public void A_sweep_that_finds_no_room_keeps_whole_lines_and_goes_on_from_them()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh for ulimit");
        string[] Command(string output) => ["sweep", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", Some(FittedReward.Train, 20), "--k", "1,2,4,8", "--loss", "margin,bce",
            "--seeds", "3", "--hidden-units", "8", "--epochs", "1", "--no-cache", "--output", _folder.File(output)];
        Cli.Run(new CliInput { FileBlocks = 4 }, Command("full.csv")).Failed(1, "full.csv", "cannot be written (the file would be larger than is allowed there)", "the same command goes on from it");
        string kept = File.ReadAllText(_folder.File("full.csv"));
        Assert.InRange(kept.Length, 1500, 2048);
        Assert.EndsWith("\n", kept);
        Cli.Run(Command("full.csv")).Succeeded();
        Cli.Run(Command("whole.csv")).Succeeded();
        string whole = File.ReadAllText(_folder.File("whole.csv"));
        Assert.StartsWith(kept, whole);
        Assert.Equal(25, whole.Count(c => c == '\n'));
        Assert.Equal(whole, File.ReadAllText(_folder.File("full.csv")));
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
    public void A_fit_chooses_and_calibrates_and_everything_after_it_knows()
    {
        string output = _folder.File("chosen.safetensors"), test = Some(FittedReward.Test, 30), card = _folder.File("card.html");
        var json = Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "200", "--k", "auto:4,8", "--calibrate", "--hidden-units", "16", "--epochs", "8",
            "--cache", reward.Cache, "--output", output, "--json").Json();
        var tried = json.GetProperty("choice").GetProperty("tried").EnumerateArray().ToArray();
        Assert.Equal(new[] { 4, 8 }, tried.Select(one => one.GetProperty("k").GetInt32()));
        Assert.Equal(json.GetProperty("k").GetInt32(), tried.Single(one => one.GetProperty("chosen").GetBoolean()).GetProperty("k").GetInt32());
        Assert.Equal(200, json.GetProperty("choice").GetProperty("pairs").GetInt32());
        // The fit of that K, bit for bit but for what is told of the choice and the calibration.
        string plain = _folder.File("plain.safetensors");
        string Scores(string file) => Cli.Run("score", "--model", FittedReward.Model, "--reward", file, "--input", Line("{\"prompt\": \"Q\", \"responses\": [\"a\", \"b c\"]}")).Succeeded();
        Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "200", "--k", $"{json.GetProperty("k").GetInt32()}", "--hidden-units", "16", "--epochs", "8",
            "--cache", reward.Cache, "--output", plain).Succeeded();
        Assert.Equal(Scores(plain), Scores(output));
        var inspected = Cli.Run("inspect", output, "--json").Json().GetRawText();
        Assert.Contains("\"tried_k\": \"4, 8\"", inspected);
        Assert.Contains("\"temperature\"", inspected);
        var evaluated = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", output, "--data", test, "--json").Json().GetProperty("calibration");
        Assert.Equal(json.GetProperty("temperature").GetDouble(), evaluated.GetProperty("temperature").GetDouble());
        Assert.InRange(evaluated.GetProperty("probability").GetDouble(), 0, 1);
        var line = JsonDocument.Parse(Cli.Run("score", "--model", FittedReward.Model, "--reward", output, "--probability", "--input", Line("{\"prompt\": \"Q\", \"responses\": [\"a\", \"b c\"]}")).Succeeded()).RootElement;
        double[] shares = [.. line.GetProperty("probabilities").EnumerateArray().Select(one => one.GetDouble())], scored = [.. line.GetProperty("scores").EnumerateArray().Select(one => one.GetDouble())];
        Assert.Equal(1 / (1 + Math.Exp((scored[1] - scored[0]) / evaluated.GetProperty("temperature").GetDouble())), shares[0], 5);
        Cli.Run("score", "--model", FittedReward.Model, "--reward", reward.Path, "--probability", "--input", Line("{\"prompt\": \"Q\", \"response\": \"a\"}")).Failed(2, "--probability", "fit it with --calibrate");
        Cli.Run("report", output, "--model", FittedReward.Model, "--data", test, "--output", card).Succeeded();
        Assert.Contains("expected calibration error", File.ReadAllText(card));
        Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", Some(FittedReward.Train, 3), "--k", "4", "--calibrate", "--cache", reward.Cache, "--output", _folder.File("none")).Failed(1, "3 different prompts", "give more data");
        Assert.False(File.Exists(_folder.File("none")));
    }

    [Fact]
    public void Robustness_prints_every_study_and_a_page()
    {
        string test = Some(FittedReward.Test, 20), report = _folder.File("robustness.html");
        string[] command = ["robustness", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "40", "--test", test, "--k", "4", "--hidden-units", "8", "--epochs", "2",
            "--loss", "margin", "--draws", "1", "--cache", reward.Cache];
        var json = Cli.Run([.. command, "--paraphrases", test, "--trigger", "Trust me.", "--report", report, "--json"]).Json();
        Assert.Contains(json.GetProperty("rows").EnumerateArray(), row => row.GetProperty("condition").GetString() == "adversarial");
        string output = _folder.File("fits.jsonl");
        var kept = Cli.Run([.. command, "--output", output, "--json"]).Json();
        string fits = File.ReadAllText(output);
        Assert.Equal(kept.GetRawText(), Cli.Run([.. command, "--output", output, "--json"]).Json().GetRawText());
        Assert.Equal(fits, File.ReadAllText(output));
        // The model is open by then, and has told of the SAE.
        var other = Cli.Run([.. command, "--seed", "9", "--output", output]);
        Assert.Equal((1, ""), (other.Code, other.Out));
        Assert.Matches("(?m)^error: .*fits.jsonl, line 1: .*study of robustness .*; name another output", other.Error);
        Assert.Equal(fits, File.ReadAllText(output));
        // The same words change nothing.
        Assert.Equal(0, json.GetProperty("stability").EnumerateArray().Last().GetProperty("flipped").GetDouble());
        Assert.Contains("<svg", File.ReadAllText(report));
        Cli.Run([.. command, "--paraphrases", Some(FittedReward.Test, 19)]).Failed(1, "19 items", "same order");
    }

    [Fact]
    public void A_monitor_tells_of_another_kind_of_answers()
    {
        string[] own = [.. File.ReadLines(FittedReward.Test).Take(64).Select(Answers)], other = [.. File.ReadLines(SharedData.MiniWorld("pairs", "safety.test.jsonl")).Take(32).Select(Answers)];
        string stream = _folder.File("stream.jsonl"), scored = _folder.File("scored.jsonl");
        File.WriteAllLines(stream, [.. own, .. other]);
        var json = Cli.Run("monitor", reward.Path, "--model", FittedReward.Model, "--input", stream, "--held-out", Some(FittedReward.Test, 128), "--window", "64", "--json").Json();
        Assert.Equal((192, 3), (json.GetProperty("answers").GetInt32(), json.GetProperty("windows").GetInt32()));
        Assert.InRange(json.GetProperty("false_alarms").GetProperty("measured").GetDouble(), 0, 0.05);
        var alarm = json.GetProperty("alarmed").EnumerateArray().Last();
        Assert.Equal((129, 192, true), (alarm.GetProperty("first").GetInt32(), alarm.GetProperty("last").GetInt32(), alarm.GetProperty("is_shifted").GetBoolean()));
        File.WriteAllLines(scored, Enumerable.Range(0, 48).Select(i => $"{{\"score\": {(i < 32 ? i % 4 : 100 + i)}}}"));
        string said = Cli.Run("monitor", reward.Path, "--scores", scored, "--window", "16").Succeeded();
        Assert.Contains("1 of 2 windows alarm.", said);
        Assert.Contains("ALARM: drift", said);
        string packed = _folder.File("scored.jsonl.gz");
        using (var gzip = new GZipStream(File.Create(packed), CompressionLevel.Fastest)) gzip.Write(File.ReadAllBytes(scored));
        Assert.Equal(said, Cli.Run("monitor", reward.Path, "--scores", packed, "--window", "16").Succeeded());
        Cli.Run("monitor", reward.Path, "--scores", scored, "--window", "32").Failed(1, "48 answers", "below 64", "--window");
        Cli.Run("monitor", reward.Path, "--scores", FittedReward.Test).Failed(1, "line 1", "neither score nor scores");

        static string Answers(string line) => JsonDocument.Parse(line).RootElement is var item
            ? $"{{\"prompt\": {item.GetProperty("prompt").GetRawText()}, \"responses\": [{item.GetProperty("chosen").GetRawText()}, {item.GetProperty("rejected").GetRawText()}]}}" : "";
    }

    [Fact]
    public void Tables_fit_a_terminal()
    {
        string[] head = ["--hidden-units", "8", "--epochs", "2", "--cache", reward.Cache], on = ["--model", FittedReward.Model, "--sae", FittedReward.Sae];
        string train = Some(FittedReward.Train, 20), test = Some(FittedReward.Test, 10);
        string few = Fits("sweep", [.. on, "--data", train, "--k", "1,4", "--loss", "margin,bradley-terry", .. head]);
        Assert.Contains("All runs:", few);
        // So many axes that each cannot have a column.
        Assert.Contains("hidden units 8", Fits("sweep", [.. on, "--data", train, "--k", "1,4", "--loss", "margin,bce", "--position", "last,mean", "--pairs", "0,10", "--hidden-units", "4,8", "--input", "projection,random", .. head[2..]]));
        Assert.Contains("all (60 training pairs)", Fits(Baselines("--test", test, "--regimes", "all,8-pairs", "--draws", "1")[0], Baselines("--test", test, "--regimes", "all,8-pairs", "--draws", "1")[1..]));
        Assert.Contains("TruthfulQA MC1", Fits("reproduce", ["paper", .. on, "--k", "4", "--seeds", "1", "--task", $"TruthfulQA={train},{test}", .. head]));
        Assert.Contains("Most active at", Fits("latents", [.. on, "--data", train, "--k", "8", "--samples", "10", "--cache", reward.Cache]));
        Fits("robustness", [.. on, "--data", train, "--test", test, "--k", "4", "--draws", "1", .. head]);

        string Fits(string command, string[] args)
        {
            string said = Cli.Run([command, .. args]).Succeeded();
            Assert.All(said.Split('\n'), line => Assert.InRange(line.Length, 0, 100));
            return said;
        }
    }

    [Fact]
    public void A_trained_SAE_says_where_it_lies()
    {
        string output = _folder.File("sae");
        var json = Cli.Run("train-sae", "--model", FittedReward.Model, "--layer", "4", "--data", Some(FittedReward.Train, 60), "--width", "32", "--k", "4", "--tokens", "2000", "--batch-tokens", "256", "--output", output, "--json").Json();
        Assert.Equal(output, json.GetProperty("output").GetString());
        Assert.Equal(32, Cli.Run("inspect", output, "--json").Json().GetProperty("d_sae").GetInt32());
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--sae", "s", "--layer", "auto").Failed(2, "--layer auto", "several --sae");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--sae", "s", "--sae", "t").Failed(2, "several --sae", "--layer auto");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--input", "dense", "--layer", "1", "--k", "auto").Failed(2, "--k auto", "no K");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--sae", "s", "--k", "auto:4,x").Failed(2, "--k", "'x'", "auto:N,N");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--sae", "s", "--position", "first").Failed(2, "--position", "'first'");
        Cli.Run("robustness", "--model", "m", "--data", "d").Failed(2, "--sae is needed");
        Cli.Run("robustness", "--model", "m", "--sae", "s", "--data", "d", "--paraphrases", "p").Failed(2, "--paraphrases", "--test");
        Cli.Run("robustness", "--model", "m", "--sae", "s", "--data", "d", "--output", "-").Failed(2, "--output", "--json");
        Cli.Run("robustness", "--model", "m", "--sae", "s", "--data", "d", "--output", "x.jsonl", "--report", "x.jsonl").Failed(2, "--output and --report", "same file");
        Cli.Run("monitor", "r").Failed(2, "--input", "--scores");
        Cli.Run("monitor", "r", "--input", "i").Failed(2, "--model and --input");
        Cli.Run("monitor", FittedReward.Train, "--scores", "s").Failed(1, "is not a reward file", "fit or combine wrote");
        Cli.Run("report", FittedReward.Train, "--output", _folder.File("x.html")).Failed(1, "is not a reward file", "fit or combine wrote");
        Cli.Run("baselines", "--model", "m", "--data", "d").Failed(2, "--sae is needed");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--scores", "x").Failed(2, "--scores", "--test");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--regimes", "all,some").Failed(2, "--regimes", "'some'", "8-pairs");
        Cli.Run("baselines", "--model", "m", "--sae", "s", "--data", "d", "--regimes", "shift").Failed(2, "--shift");
        Cli.Run("sweep", "--model", "m", "--data", "d").Failed(2, "--sae", "--input dense");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--loss", "margin", "--loss", "bce").Failed(2, "--loss");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense").Failed(2, "--layer is needed");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--k", "8,x").Failed(2, "--k", "'x'");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "-").Failed(2, "--output", "--json");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "/dev/full").Failed(2, "--output", "a device");
        Cli.Run("sweep", "--model", "m", "--data", "d", "--input", "dense", "--layer", "1", "--output", "x.csv", "--report", "x.csv").Failed(2, "--output and --report", "same file");
        Cli.Run("sweep", "--model", "m", "--data", FittedReward.Train, "--input", "dense", "--layer", "1", "--report", FittedReward.Train).Failed(2, "--report and --data", "same file");
        Cli.Run("report", "r.safetensors", "--model", "m", "--output", "x.html").Failed(2, "--model and --data");
    }

    private string Line(string line)
    {
        string path = _folder.File("line.jsonl");
        File.WriteAllText(path, line + "\n");
        return path;
    }

    private string Some(string data, int lines)
    {
        string path = _folder.File($"{lines}-{Path.GetFileName(data)}");
        File.WriteAllLines(path, File.ReadLines(data).Take(lines));
        return path;
    }
}
