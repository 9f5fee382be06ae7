using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm baselines</c>: the sparse directions beside plain methods, and whether they are any better.</summary>
internal sealed class BaselinesCommand : CliCommand
{
    private readonly Option<string> _data =
        Choices.Text("--data", "preference pairs to learn from: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<string> _test = Choices.Text("--test", "pairs to be tested on (default: a fifth of the prompts of --data)", "FILE");
    private readonly Option<string> _shift = Choices.Text("--shift", "pairs of another kind, for the regime shift", "FILE");
    private readonly Option<string> _scores =
        Choices.Text("--scores", "another reward model's scores of the answers of --test: one a line in their order, or an item a line by id", "FILE");
    private readonly Option<int?> _draws = Choices.Whole("--draws", "draws of training pairs, random directions and initial weights in each regime (default: 3)");
    private readonly Option<string[]> _regimes = Choices.Parsed("--regimes", $"which regimes to run, with commas between (default: all): {string.Join(", ", Regime.Names)}",
        "NAME,..", ReadRegimes);
    private readonly Option<string> _report = Choices.Text("--report", "also write the table with plots as a page of HTML", "FILE");

    public BaselinesCommand(Session session) : base("baselines",
        "Compare the sparse directions with plain probes on the same states, and say whether they beat the dense probe", session,
        new Example("sparserm baselines --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl",
            "all methods in all regimes"),
        new Example("sparserm baselines --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl "
            + "--shift other.jsonl --report baselines.html", "with pairs of another kind, and a page to look at"),
        new Example("sparserm baselines --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl "
            + "--scores outside.jsonl --regimes all --json", "beside another reward model, for a program"))
    {
        this.AddAll(CommonOptions.Model, FitSettings.Sae, _data, _test, _shift, _scores, _draws, _regimes, _report, CommonOptions.Json);
        this.AddAll(FitSettings.All.Except([FitSettings.Sae, FitSettings.Input, FitSettings.Heads, FitSettings.Bootstrap, FitSettings.Seeds, CommonOptions.Aggregate]));
    }

    protected override void Run(ParseResult args)
    {
        var (reading, fit) = (FitSettings.ReadTrainer(args), FitSettings.Read(args));
        Check(args, reading, fit);
        string? report = args.GetValue(_report);
        OutputFile.Probe("--report", report, OutputKind.Plot, ("--data", args.GetValue(_data)), ("--test", args.GetValue(_test)), ("--shift", args.GetValue(_shift)), ("--scores", args.GetValue(_scores)));
        var options = new BaselineOptions
        {
            K = fit.K, Training = fit.Training, Draws = args.GetValue(_draws) ?? new BaselineOptions().Draws, Regimes = args.Given(_regimes),
        };
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, args.GetValue(FitSettings.Pairs));
        PreferenceSet? test = Others(args, _test), shift = Others(args, _shift);
        var outside = args.GetValue(_scores) is { } scores ? Session.Reading(() => OutsideScores.Read(scores, test!)) : null;
        var (table, about) = Meter.Run(Session, meter => Studies.Run(args, Session, meter, reading, null, [data, test, shift],
            (trainer, good) => BaselineStudy.Run(trainer, good[0]!, good[1], good[2], outside, options, meter, Session.Cancel), $"K = {options.K}"));
        Session.Cancel.ThrowIfCancellationRequested();
        if (report is not null) Session.WriteData(report, BaselinePage.Of(table, about).WriteTo);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, table));
        else WriteTable(table);
        if (report is not null && report != "-") Session.Say($"wrote {report}");
    }

    private void Check(ParseResult args, TrainerOptions reading, FitOptions fit)
    {
        if (reading.Sae is null) throw new UsageException("--sae is needed: the directions that are compared are its decoder's");
        FitSettings.Check(args, reading, fit);
        if (args.GetValue(_scores) is not null && args.GetValue(_test) is null) throw new UsageException("--scores are of the answers of --test; name that file, too");
        if (args.GetValue(_scores) is not null && args.GetValue(CommonOptions.SkipBad))
            throw new UsageException("--scores and --skip-bad exclude each other: a row that is left out would shift the scores");
        string[]? regimes = args.Given(_regimes);
        if (args.GetValue(_scores) is not null && regimes?.Contains(Regime.All) == false) throw new UsageException("--scores stand beside the methods of the regime all; add it to --regimes");
        if (regimes?.Contains(Regime.Shift) == true && args.GetValue(_shift) is null) throw new UsageException("the regime shift is tested on --shift; name that file, too");
        if (args.GetValue(_report) == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --report - both want standard output; leave one of them out");
    }

    private PreferenceSet? Others(ParseResult args, Option<string> option) =>
        args.GetValue(option) is { } path ? DataSettings.Read(args, path, Session, limit: null) : null;

    private void WriteTable(BaselineTable result)
    {
        var table = Tables.Of("Regime, method", ">Accuracy", ">95 % interval", ">Difference", ">95 % interval");
        string last = "";
        foreach (var row in result.Rows)
        {
            if (row.Regime != last) table.Row($"{row.Regime} ({Tables.Count(row.TrainingPairs)} training pairs)", "", "", "", "");
            table.Row($"  {row.Name}", Tables.Percent(row.Accuracy.Value), $"{Tables.Percent(row.Accuracy.Low)} to {Tables.Percent(row.Accuracy.High)}",
                row.Difference is { } by ? Points(by.Value) : "", row.Difference is { } range ? $"{Points(range.Low)} to {Points(range.High)}" : "");
            last = row.Regime;
        }
        Session.Tables.Write(table);
        Session.Out.WriteLine("Difference: by how many points a method is better than the directions, paired.");
        foreach (string note in result.Notes) Session.Note(note);
        foreach (string line in Wording.Fold(result.Verdict, Session.TextWidth)) Session.Out.WriteLine(line);
    }

    private static void WriteJson(Utf8JsonWriter json, BaselineTable result)
    {
        json.WriteStartArray("rows");
        foreach (var row in result.Rows)
        {
            json.WriteStartObject();
            new Report().Add("name", row.Name).Add("regime", row.Regime).Add("accuracy", row.Accuracy.Value).WriteTo(json);
            WriteEnds(json, "interval", row.Accuracy);
            if (row.Difference is { } difference)
            {
                json.WriteNumber("difference", difference.Value);
                WriteEnds(json, "difference_interval", difference);
            }
            new Report().Add("training_pairs", row.TrainingPairs).Add("test_pairs", row.TestPairs).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        new Report().Add("dense_probe", result.DenseProbe).Add("verdict", result.Verdict).Add("notes", result.Notes).WriteTo(json);
    }

    private static void WriteEnds(Utf8JsonWriter json, string name, Interval interval)
    {
        json.WriteStartArray(name);
        json.WriteNumberValue(interval.Low);
        json.WriteNumberValue(interval.High);
        json.WriteEndArray();
    }

    private static string[] ReadRegimes(string text)
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries);
        foreach (string name in names)
        {
            if (!Regime.Names.Contains(name))
                throw new Errors.SparseRMException(Errors.ErrorKind.Usage, $"'{name}' is not one of {string.Join(", ", Regime.Names)}");
        }
        return names;
    }

    private static string Points(double share) => (100 * share).ToString("+0.0;-0.0;0.0", System.Globalization.CultureInfo.InvariantCulture);
}
