using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;
using SparseRM.Research.Robustness;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm robustness</c>: what wrong labels, damaged pairs, other pairs and changed answers do to a fit.</summary>
internal sealed class RobustnessCommand : CliCommand
{
    private const int ShownSuspects = 5, MostText = 26, MostChange = 30;

    private readonly Option<string> _data =
        Choices.Text("--data", "preference pairs to learn from: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<string> _test = Choices.Text("--test", "pairs to be tested on (default: a fifth of the prompts of --data)", "FILE");
    private readonly Option<string> _shift = Choices.Text("--shift", "pairs of another kind, to be tested on, too", "FILE");
    private readonly Option<string[]> _tasks = new("--task")
    {
        Description = "pairs of another task, to learn from and to be tested on (a fifth of their prompts); may be given several times", HelpName = "FILE", AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<string> _paraphrases = Choices.Text("--paraphrases", "the items of --test in other words, in the same order and format", "FILE");
    private readonly Option<string[]> _triggers = new("--trigger")
    {
        Description = "a text that is put after answers; the first is also the one that poisons training pairs; may be given several times (default: cf.)", HelpName = "TEXT", AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<PreferenceLossKind[]> _losses = Lists.Of("--loss", "losses that stand beside each other (default: all)",
        ("margin", PreferenceLossKind.Margin), ("bradley-terry", PreferenceLossKind.BradleyTerry), ("bce", PreferenceLossKind.Bce));
    private readonly Option<int?> _draws = Choices.Whole("--draws", "draws of spoilt pairs and initial weights under each condition (default: 3)");
    private readonly Option<string> _output = Choices.Text("--output", "a file of JSON lines, one a fit as they come; the same command resumes", "FILE");
    private readonly Option<string> _report = Choices.Text("--report", "also write plots and tables as a page of HTML", "FILE");

    public RobustnessCommand(Session session) : base("robustness",
        "What wrong labels, length, damaged and poisoned pairs, other kinds of pairs and changed answers do to the fit, each loss beside the others; and which training pairs are suspect", session,
        new Example("sparserm robustness --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl --report robustness.html",
            "everything, and a page to look at"),
        new Example("sparserm robustness --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl "
            + "--shift other.jsonl --task safety.jsonl --paraphrases test-in-other-words.jsonl --trigger \"Trust me.\" --json", "with other pairs, paraphrases and a trigger, for a program"))
    {
        this.AddAll(CommonOptions.Model, FitSettings.Sae, _data, _test, _shift, _tasks, _paraphrases, _triggers, _losses, _draws, _output, _report, CommonOptions.Json);
        this.AddAll(FitSettings.All.Except(
            [FitSettings.Sae, FitSettings.Loss, FitSettings.Input, FitSettings.Heads, FitSettings.Bootstrap, FitSettings.Seeds, CommonOptions.Aggregate]));
    }

    protected override void Run(ParseResult args)
    {
        var (reading, fit) = (FitSettings.ReadTrainer(args), FitSettings.Read(args));
        string? report = args.GetValue(_report), output = args.GetValue(_output);
        if (reading.Sae is null) throw new UsageException("--sae is needed: the directions that are studied are its decoder's");
        FitSettings.Check(args, reading, fit);
        if (args.GetValue(_paraphrases) is not null && args.GetValue(_test) is null) throw new UsageException("--paraphrases are of the items of --test; name that file, too");
        if (args.GetValue(_paraphrases) is not null && args.GetValue(CommonOptions.SkipBad))
            throw new UsageException("--paraphrases and --skip-bad exclude each other: an item that is left out would shift the others");
        if (report == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --report - both want standard output; leave one of them out");
        if (args.Given(_triggers)?.Contains("") == true) throw new UsageException("--trigger: the value is empty");
        OutputFile.CheckLog(output, report);
        (string, string?)[] inputs = [("--data", args.GetValue(_data)), ("--test", args.GetValue(_test)), ("--shift", args.GetValue(_shift)),
            ("--paraphrases", args.GetValue(_paraphrases)), .. (args.Given(_tasks) ?? []).Select(task => ("--task", (string?)task))];
        OutputFile.Probe("--report", report, OutputKind.Plot, inputs);
        OutputFile.Probe(output, OutputKind.Robustness, inputs);
        if (output is not null) Session.AfterInterrupt = $"fits so far are kept in {output}, and the same command resumes";
        var none = new RobustnessOptions();
        var options = none with
        {
            K = fit.K,
            Training = fit.Training,
            Losses = args.Given(_losses) ?? none.Losses,
            Draws = args.GetValue(_draws) ?? none.Draws,
            Triggers = args.Given(_triggers) ?? none.Triggers,
        };
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, args.GetValue(FitSettings.Pairs));
        var test = Others(args, args.GetValue(_test));
        var others = new RobustnessData(Others(args, args.GetValue(_shift)), [.. (args.Given(_tasks) ?? []).Select(task => Others(args, task)!)], Others(args, args.GetValue(_paraphrases)));
        others.Check(test);
        var (table, about) = Meter.Run(Session, meter => Studies.Run(args, Session, meter, reading, null, [data, test, others.Shift, .. others.Tasks],
            (trainer, good) => RobustnessStudy.Run(trainer, good[0]!, good[1], others with { Shift = good[2], Tasks = good[3..]! }, options,
                output is null ? null : study => ConditionLog.Open(output, study), meter, Session.Cancel), $"K = {options.K}"));
        Session.Cancel.ThrowIfCancellationRequested();
        if (report is not null) Session.WriteData(report, RobustnessPage.Of(table, about).WriteTo);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, table));
        else WriteTables(table);
        foreach (string? file in new[] { output, report })
            if (file is not (null or "-")) Session.Say($"wrote {file}");
    }

    private PreferenceSet? Others(ParseResult args, string? path) => path is null ? null : DataSettings.Read(args, path, Session, limit: null);

    private void WriteTables(RobustnessTable result)
    {
        string[] losses = [.. result.Rows.Select(row => row.Loss).Distinct()];
        var table = Tables.Of(["Accuracy, %", "Tested on", .. losses.Select(loss => $">{loss}")]);
        string last = "";
        foreach (var rows in result.Rows.GroupBy(row => (row.Study, row.Condition, row.Share, row.TestedOn)))
        {
            if (rows.Key.Study != last) table.Row([rows.Key.Study, "", .. losses.Select(_ => "")]);
            table.Row([$"  {RobustnessPage.Described(rows.First())}", rows.Key.TestedOn, .. losses.Select(loss => Cell(rows.First(row => row.Loss == loss)))]);
            last = rows.Key.Study;
        }
        Session.Tables.Write(table);
        Session.Out.WriteLine("In brackets the change in points from all pairs as they are; * where its 95 % interval leaves out 0.");
        var changes = Tables.Of("Changed answers", ">Flipped", ">Gained", ">Shift", "Latents that flip most");
        foreach (var row in result.Stability)
        {
            changes.Row(Short(row.Change, MostChange), Tables.Percent(row.Flipped.Value), row.Gained is { } gained ? Tables.Percent(gained.Value) : "", $"{row.Shift:+0.00;-0.00;0.00}",
                string.Join(", ", row.Directions.Take(2).Select(direction => $"{direction.Latent} ({Tables.Percent(direction.Flipped)})")));
        }
        Session.Tables.Write(changes);
        var suspects = Tables.Of(">Line", "Suspect pair: preferred", "Rejected", ">Probability", ">Salience");
        foreach (var pair in result.Suspects.Take(ShownSuspects))
            suspects.Row($"{pair.Line}", Short(pair.Chosen), Short(pair.Rejected), FormattableString.Invariant($"{pair.Probability:F3}"), FormattableString.Invariant($"{pair.Salience:+0.00;-0.00;0.00}"));
        Session.Tables.Write(suspects);
        foreach (string note in result.Notes) Session.Note(note);
        var sentences = result.Findings.Select(finding => FormattableString.Invariant($"Of pairs exchanged on purpose (20 %), the {finding.By} finds {Tables.Percent(finding.Found)} among as many most suspect ones (AUROC {finding.Auroc:F3})."));
        foreach (string line in sentences.Append(result.Summary).SelectMany(sentence => Wording.Fold(sentence, Session.TextWidth))) Session.Out.WriteLine(line);
    }

    private static string Cell(RobustnessRow row) => row.Change is not { } change ? FormattableString.Invariant($"{100 * row.Accuracy.Value:F1}        ")
        : FormattableString.Invariant($"{100 * row.Accuracy.Value:F1} ({100 * change.Value:+0.0;-0.0;0.0}){(change.Low > 0 || change.High < 0 ? "*" : " ")}");

    private static string Short(string text, int most = MostText) => text.ReplaceLineEndings(" ") is var line && line.Length <= most ? line : line[..most] + "...";

    private static void WriteJson(Utf8JsonWriter json, RobustnessTable result)
    {
        Each("rows", result.Rows, row =>
        {
            new Report().Add("study", row.Study).Add("condition", row.Condition).Add("share", row.Share).Add("tested_on", row.TestedOn).Add("loss", row.Loss).Add("accuracy", row.Accuracy.Value).WriteTo(json);
            Ends("interval", row.Accuracy);
            if (row.Change is { } change)
            {
                json.WriteNumber("change", change.Value);
                Ends("change_interval", change);
            }
            new Report().Add("training_pairs", row.TrainingPairs).Add("test_pairs", row.TestPairs).WriteTo(json);
        });
        Each("stability", result.Stability, row =>
        {
            new Report().Add("change", row.Change).Add("pairs", row.Pairs).Add("flipped", row.Flipped.Value).WriteTo(json);
            Ends("flipped_interval", row.Flipped);
            new Report().Add("gained", row.Gained?.Value).WriteTo(json);
            if (row.Gained is { } gained) Ends("gained_interval", gained);
            json.WriteNumber("shift", row.Shift);
            Each("directions", row.Directions, direction => new Report().Add("latent", direction.Latent).Add("flipped", direction.Flipped).Add("shift", direction.Shift).WriteTo(json));
        });
        Each("suspects", result.Suspects, pair => new Report().Add("line", pair.Line).Add("prompt", pair.Prompt).Add("chosen", pair.Chosen).Add("rejected", pair.Rejected)
            .Add("probability", pair.Probability).Add("salience", pair.Salience).WriteTo(json));
        Each("findings", result.Findings, finding => new Report().Add("by", finding.By).Add("auroc", finding.Auroc).Add("found", finding.Found).WriteTo(json));
        new Report().Add("summary", result.Summary).Add("notes", result.Notes).WriteTo(json);

        void Each<T>(string name, IEnumerable<T> values, Action<T> write)
        {
            json.WriteStartArray(name);
            foreach (var value in values)
            {
                json.WriteStartObject();
                write(value);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }

        void Ends(string name, Interval interval)
        {
            json.WriteStartArray(name);
            json.WriteNumberValue(interval.Low);
            json.WriteNumberValue(interval.High);
            json.WriteEndArray();
        }
    }
}
