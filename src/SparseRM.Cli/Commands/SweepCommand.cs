using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;
using SparseRM.Research.Sweeps;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm sweep</c>: accuracy over many settings of a fit.</summary>
internal sealed class SweepCommand : CliCommand
{
    private const int MostRows = 20, MostColumns = 3, MostSetting = 44;

    private readonly Option<string> _data =
        Choices.Text("--data", "preference pairs to learn from: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<string> _test = Choices.Text("--test", "pairs to be tested on (default: a fifth of the prompts of --data)", "FILE");
    private readonly Option<string[]> _saes = new("--sae")
    {
        Description = "an SAE's folder, file or hub id; each gives its own layer, so give one for each layer", HelpName = "PATH", AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<int[]> _layers = Lists.Whole("--layer", "blocks, 0-based (default: those of the SAEs)", least: 0);
    private readonly Option<ReadOutPosition[]> _positions = Lists.Of("--position", "where the state is read (default: last)",
        ("last", ReadOutPosition.Last), ("content", ReadOutPosition.Content), ("mean", ReadOutPosition.Mean));
    private readonly Option<HeadInputKind[]> _inputs = Lists.Of("--input", "what the head sees (default: projection)",
        ("projection", HeadInputKind.Projection), ("activations", HeadInputKind.Activations), ("dense", HeadInputKind.Dense), ("random", HeadInputKind.Random));
    private readonly Option<int[]> _ks = Lists.Whole("--k", "latents or random directions on each side (default: 128)");
    private readonly Option<int[]> _pairs = Lists.Whole("--pairs", "first pairs of the data that are used; 0 for all (default: 0)", least: 0);
    private readonly Option<int[]> _units = Lists.Whole("--hidden-units", "widths of the head's hidden layer (default: 512)");
    private readonly Option<PreferenceLossKind[]> _losses = Lists.Of("--loss", "what the head minimises (default: margin)",
        ("margin", PreferenceLossKind.Margin), ("bradley-terry", PreferenceLossKind.BradleyTerry), ("bce", PreferenceLossKind.Bce));
    private readonly Option<int?> _seeds = Choices.Whole("--seeds", "seeds of each setting, from --seed on (default: 1)");
    private readonly Option<string> _output = Choices.Text("--output", "a file of CSV, a line a run as they come; the same command resumes", "FILE");
    private readonly Option<string> _report = Choices.Text("--report", "also write plots and tables as a page of HTML", "FILE");

    public SweepCommand(Session session) : base("sweep",
        "Fit over many values of K, layer, position, loss, SAE, head input, hidden units, pairs and seeds; the states of all layers come from one pass. In memory are the states of one position: a GiB at most of --data, and of --test", session,
        new Example("sparserm sweep --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --test test.jsonl "
            + "--k 8,32,128 --loss margin,bradley-terry --seeds 3 --output sweep.csv --report sweep.html", "K and loss, on one SAE"),
        new Example("sparserm sweep --model google/gemma-2-2b-it --input dense,random --layer 4,8,12,16,20 --data train.jsonl --k 32 --seeds 5 --json",
            "layers, without an SAE, for a program"))
    {
        this.AddAll(CommonOptions.Model, _saes, _data, _test, _ks, _layers, _positions, _losses, _inputs, _units, _pairs, _seeds, _output, _report, CommonOptions.Json);
        this.AddAll(FitSettings.Seed, FitSettings.Margin, FitSettings.Epochs, FitSettings.Patience, FitSettings.LearningRate, FitSettings.WeightDecay, FitSettings.BatchPairs,
            FitSettings.HeldOut, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Cache, CommonOptions.NoCache);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        var options = Read(args);
        var backbone = args.Backbone(defaultType: null);
        string? output = args.GetValue(_output), report = args.GetValue(_report), cacheFolder = CacheFolder.Of(args);
        Check(args, options, output, report);
        OutputFile.Probe("--report", report, OutputKind.Plot, ("--data", args.GetValue(_data)), ("--test", args.GetValue(_test)));
        OutputFile.Probe(output, OutputKind.Sweep, ("--data", args.GetValue(_data)), ("--test", args.GetValue(_test)));
        if (output is not null) Session.AfterInterrupt = $"runs so far are kept in {output}, and the same command resumes";
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, limit: null);
        var test = args.GetValue(_test) is { } path ? DataSettings.Read(args, path, Session, limit: null) : null;
        var result = Meter.Run(Session, meter =>
        {
            using var cache = cacheFolder is null ? null : HiddenStateCache.Open(cacheFolder);
            if (args.GetValue(CommonOptions.SkipBad)) (data, test) = LeaveOutBad(args, backbone, options, data, test);
            var found = DataSettings.Advised(args, () => Sweep.Run(backbone, options, data, test, cache,
                study => output is null ? new MemorySweepLog() : CsvSweepLog.Open(output, study), meter, Session.Cancel));
            if (cache?.WriteProblem is { } problem) Session.Warn(problem);
            return found;
        });
        Session.Cancel.ThrowIfCancellationRequested();
        if (report is not null) Session.WriteData(report, SweepPage.Of(result, $"{Path.GetFileName(backbone.Model.TrimEnd('/'))}, data {Path.GetFileName(data.Path)}").WriteTo);
        foreach (string note in result.Notes) Session.Note(note);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, result));
        else WriteTable(result);
        foreach (string? file in new[] { output, report })
            if (file is not (null or "-")) Session.Say($"wrote {file}");
    }

    private SweepOptions Read(ParseResult args)
    {
        var none = new SweepOptions();
        return none with
        {
            Saes = args.Given(_saes) ?? [],
            Layers = args.Given(_layers),
            Positions = args.Given(_positions) ?? none.Positions,
            Inputs = args.Given(_inputs) ?? none.Inputs,
            Ks = args.Given(_ks) ?? none.Ks,
            Pairs = args.Given(_pairs) ?? none.Pairs,
            HiddenUnits = args.Given(_units) ?? none.HiddenUnits,
            Losses = args.Given(_losses) ?? none.Losses,
            Seeds = args.GetValue(_seeds) ?? 1,
            Training = FitSettings.Read(args).Training with { Seeds = 1 },
            LlamaScopeMode = args.GetValue(CommonOptions.LlamaScope),
        };
    }

    private void Check(ParseResult args, SweepOptions options, string? output, string? report)
    {
        bool needsSae = options.Inputs.Any(input => input is HeadInputKind.Projection or HeadInputKind.Activations);
        if (needsSae && options.Saes.Count == 0) throw new UsageException("--input projection and activations need --sae; without an SAE there are --input dense and --input random");
        if (options.Saes.Count == 0 && options.Layers is null) throw new UsageException("--layer is needed where there is no --sae that says it");
        if (options.Training.HeldOutFraction >= 1) throw new UsageException("--held-out is a share below 1");
        OutputFile.CheckLog(output, report);
        if (report == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --report - both want standard output; leave one of them out");
        Recognised.RefuseSwapped(args.GetRequiredValue(CommonOptions.Model), options.Saes.FirstOrDefault());
    }

    private (PreferenceSet Data, PreferenceSet? Test) LeaveOutBad(ParseResult args, BackboneOptions options, SweepOptions sweep, PreferenceSet data, PreferenceSet? test)
    {
        using var backbone = Backbone.Open(options, 0, null, Session.Cancel);
        foreach (var position in sweep.Positions)
        {
            data = DataSettings.LeaveOutBad(args, data, backbone, position, Session);
            test = test is null ? null : DataSettings.LeaveOutBad(args, test, backbone, position, Session);
        }
        return (data, test);
    }

    private void WriteTable(SweepResult result)
    {
        // A column for what was swept over; what is the same for all stands above.
        var swept = SweepPage.Swept(result);
        var common = SweepPage.Axes.Except(swept).Select(axis => $"{axis.Name} {axis.Of(result.Runs[0].Setting)}");
        foreach (string line in Wording.Fold($"All runs: {string.Join(", ", common)}.", Session.TextWidth)) Session.Out.WriteLine(line);
        bool isWide = swept.Count > MostColumns;
        var table = Tables.Of([.. isWide ? ["Setting"] : swept.Select(axis => axis.Name), ">Seeds", ">Accuracy", ">95 % interval", ">Held-out"]);
        var best = result.Summaries.OrderByDescending(summary => summary.HeldOutAccuracy ?? summary.Accuracy.Value).Take(MostRows).ToArray();
        foreach (var summary in best)
        {
            // Of many axes a cell of some lines, or the table would not fit a terminal.
            string[] setting = isWide ? [string.Join('\n', Wording.Fold(string.Join(", ", swept.Select(axis => $"{axis.Name} {axis.Of(summary.Setting)}")), MostSetting))] : [.. swept.Select(axis => axis.Of(summary.Setting))];
            table.Row([.. setting, $"{summary.Seeds}", Tables.Percent(summary.Accuracy.Value),
                $"{Tables.Percent(summary.Accuracy.Low)} to {Tables.Percent(summary.Accuracy.High)}", Tables.Percent(summary.HeldOutAccuracy ?? double.NaN)]);
        }
        Session.Tables.Write(table);
        if (result.Summaries.Count > best.Length) Session.Say($"{result.Summaries.Count - best.Length} more settings are in --output, --report or --json");
        if (result.Known > 0) Session.Say($"{result.Known} of {result.Runs.Count} runs were known already");
    }

    private static void WriteJson(Utf8JsonWriter json, SweepResult result)
    {
        new Report().Add("backend", result.Backend).Add("known", result.Known).WriteTo(json);
        json.WriteStartArray("settings");
        foreach (var summary in result.Summaries) Write(json, summary);
        json.WriteEndArray();
        json.WriteStartArray("runs");
        foreach (var run in result.Runs)
        {
            json.WriteStartObject();
            Facts(run.Setting).Add("seed", run.Setting.Seed).Add("correct", run.Correct).Add("total", run.Total).Add("accuracy", run.Accuracy.Accuracy).WriteTo(json);
            WriteEnds(json, new Interval(run.Accuracy.Accuracy, run.Accuracy.Low, run.Accuracy.High));
            new Report().Add("held_out_accuracy", run.HeldOutAccuracy).Add("epoch", run.Epoch).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WritePropertyName("chosen");
        if (result.Chosen is { } chosen) Write(json, chosen);
        else json.WriteNullValue();
        new Report().Add("notes", result.Notes).WriteTo(json);
    }

    private static void Write(Utf8JsonWriter json, SweepSummary summary)
    {
        json.WriteStartObject();
        Facts(summary.Setting).Add("seeds", summary.Seeds).Add("accuracy", summary.Accuracy.Value).WriteTo(json);
        WriteEnds(json, summary.Accuracy);
        new Report().Add("held_out_accuracy", summary.HeldOutAccuracy).WriteTo(json);
        json.WriteEndObject();
    }

    private static void WriteEnds(Utf8JsonWriter json, Interval interval)
    {
        json.WriteStartArray("interval");
        json.WriteNumberValue(interval.Low);
        json.WriteNumberValue(interval.High);
        json.WriteEndArray();
    }

    private static Report Facts(SweepSetting setting) => new Report().Add("position", setting.Position.ToString().ToLowerInvariant()).Add("layer", setting.Layer)
        .Add("sae", setting.Sae).Add("input", HeadInput.Name(setting.Input)).Add("k", setting.K).Add("pairs", setting.Pairs)
        .Add("hidden_units", setting.HiddenUnits).Add("loss", PreferenceLoss.Name(setting.Loss));
}
