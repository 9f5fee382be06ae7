using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Fitting;
using SparseRM.Research.Reports;
using SparseRM.Research.Reproduction;
using SparseRM.Research.Sweeps;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm reproduce paper</c>: the paper's tables beside what is measured here.</summary>
internal sealed class ReproducePaperCommand : CliCommand
{
    private readonly Option<string> _sae = Choices.Text("--sae", "the SAE's folder, file or hub id", "PATH", required: true);
    private readonly Option<string[]> _tasks = new("--task")
    {
        Description = $"pairs for a task of the paper, to learn from and, behind a comma, to be tested on (default: a fifth of the prompts); once for each of {string.Join(", ", PaperReproduction.Tasks)}",
        HelpName = "NAME=TRAIN[,TEST]", AllowMultipleArgumentsPerToken = false, Required = true,
    };
    private readonly Option<int?> _seeds = Choices.Whole("--seeds", "seeds of each row (default: 3)");
    private readonly Option<string> _report = Choices.Text("--report", "also write the tables as a page of HTML", "FILE");

    public ReproducePaperCommand(Session session) : base("paper", "Repeat the tables of arXiv 2511.07896 for which pairs are given, beside the published numbers", session,
        new Example("sparserm reproduce paper --model google/gemma-2-9b-it --sae gemma-scope-9b-it-res/layer_31/width_131k/average_l0_63 --task SafeRLHF=safe.train.jsonl,safe.test.jsonl "
            + "--task TruthfulQA=truthful.jsonl --report paper.html", "two of the three tasks; what is missing is said"))
    {
        this.AddAll(CommonOptions.Model, _sae, _tasks, FitSettings.K, _seeds, _report, CommonOptions.Json);
        this.AddAll(FitSettings.Layer, CommonOptions.Position, FitSettings.Seed, FitSettings.Margin, FitSettings.HiddenUnits, FitSettings.Epochs, FitSettings.Patience, FitSettings.LearningRate,
            FitSettings.WeightDecay, FitSettings.BatchPairs, FitSettings.HeldOut, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Cache, CommonOptions.NoCache);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string? report = args.GetValue(_report), cacheFolder = CacheFolder.Of(args);
        string sae = args.GetRequiredValue(_sae);
        var files = Files(args);
        if (report == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --report - both want standard output; leave one of them out");
        Recognised.RefuseSwapped(args.GetRequiredValue(CommonOptions.Model), sae);
        OutputFile.Probe("--report", report, OutputKind.Plot, [.. files.SelectMany(task => new[] { ("--task", (string?)task.Train), ("--task", task.Test) })]);
        var (backbone, fit) = (args.Backbone(defaultType: null), FitSettings.Read(args));
        var options = new SweepOptions
        {
            Layers = args.GetValue(FitSettings.Layer) is { } layer ? [layer] : null, Positions = [args.GetValue(CommonOptions.Position)], Ks = [fit.K], HiddenUnits = [fit.Training.HiddenUnits],
            Seeds = args.GetValue(_seeds) ?? 3, Training = fit.Training, LlamaScopeMode = args.GetValue(CommonOptions.LlamaScope),
        };
        PaperTask[] tasks = [.. files.Select(task => new PaperTask(task.Name, DataSettings.Read(args, task.Train, Session, limit: null),
            task.Test is { } test ? DataSettings.Read(args, test, Session, limit: null) : null))];
        var result = Meter.Run(Session, meter =>
        {
            using var cache = cacheFolder is null ? null : HiddenStateCache.Open(cacheFolder);
            if (args.GetValue(CommonOptions.SkipBad)) tasks = LeaveOutBad(args, backbone, tasks);
            var found = DataSettings.Advised(args, () => PaperReproduction.Run(backbone, sae, tasks, options, cache, meter, Session.Cancel));
            if (cache?.WriteProblem is { } problem) Session.Warn(problem);
            return found;
        });
        Session.Cancel.ThrowIfCancellationRequested();
        if (report is not null) Session.WriteData(report, PaperPage.Of(result, $"{Path.GetFileName(backbone.Model.TrimEnd('/'))}, SAE {Path.GetFileName(sae.TrimEnd('/'))}").WriteTo);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, result));
        else WriteTables(result);
        if (report is not (null or "-")) Session.Say($"wrote {report}");
    }

    private (string Name, string Train, string? Test)[] Files(ParseResult args)
    {
        var found = new List<(string Name, string Train, string? Test)>();
        foreach (string text in args.GetRequiredValue(_tasks))
        {
            string[] sides = text.Split('=', 2), files = sides.Length == 2 ? sides[1].Split(',') : [];
            if (files.Length is not (1 or 2) || files.Any(file => file.Length == 0)) throw new UsageException($"--task: '{text}' is not of the form NAME=TRAIN or NAME=TRAIN,TEST");
            string? name = PaperReproduction.Tasks.FirstOrDefault(task => task.Equals(sides[0], StringComparison.OrdinalIgnoreCase));
            if (name is null) throw new UsageException($"--task: '{sides[0]}' is no task of the paper; there are {string.Join(", ", PaperReproduction.Tasks)}");
            if (found.Any(task => task.Name == name)) throw new UsageException($"--task: {name} is given twice");
            found.Add((name, files[0], files.Length == 2 ? files[1] : null));
        }
        return [.. found];
    }

    private PaperTask[] LeaveOutBad(ParseResult args, BackboneOptions options, PaperTask[] tasks)
    {
        using var backbone = Backbone.Open(options, 0, null, Session.Cancel);
        var position = args.GetValue(CommonOptions.Position);
        return [.. tasks.Select(task => task with
        {
            Data = DataSettings.LeaveOutBad(args, task.Data, backbone, position, Session), Test = task.Test is null ? null : DataSettings.LeaveOutBad(args, task.Test, backbone, position, Session),
        })];
    }

    private void WriteTables(PaperResult result)
    {
        foreach (var rows in result.Rows.GroupBy(row => row.Table).Select(table => table.ToArray()))
        {
            // A line for each task, or three tasks would take 170 columns.
            var table = Tables.Of(rows[0].Table, "Task", ">Published", ">Here", ">95 % interval");
            foreach (var row in rows)
                foreach (var (i, cell) in row.Cells.Index())
                    table.Row(i == 0 ? row.Name : "", cell.Column, PaperPage.PublishedOf(cell), cell.Here is { } here ? Tables.Percent(here.Value) : "-", cell.Here is { } range ? $"{Tables.Percent(range.Low)} to {Tables.Percent(range.High)}" : "-");
            Session.Tables.Write(table);
            foreach (string missing in rows.Select(row => row.Missing).OfType<string>().Distinct())
                foreach (string line in Wording.Fold($"Not run: {missing}.", Session.TextWidth)) Session.Out.WriteLine(line);
        }
        foreach (string note in result.Notes) Session.Note(note);
        foreach (string line in Wording.Fold(result.Verdict, Session.TextWidth)) Session.Out.WriteLine(line);
    }

    private static void WriteJson(Utf8JsonWriter json, PaperResult result)
    {
        json.WriteStartArray("rows");
        foreach (var row in result.Rows)
        {
            json.WriteStartObject();
            new Report().Add("table", row.Table).Add("row", row.Name).Add("missing", row.Missing).WriteTo(json);
            json.WriteStartArray("cells");
            foreach (var cell in row.Cells)
            {
                json.WriteStartObject();
                new Report().Add("column", cell.Column).Add("published", cell.Published).Add("accuracy", cell.Here?.Value).Add("low", cell.Here?.Low).Add("high", cell.Here?.High).Add("test_pairs", cell.TestPairs).WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        new Report().Add("verdict", result.Verdict).Add("notes", result.Notes).WriteTo(json);
    }
}
