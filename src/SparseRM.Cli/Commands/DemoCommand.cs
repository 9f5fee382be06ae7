using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Demo;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm demo</c>: the whole method in a few seconds.</summary>
internal sealed class DemoCommand : CliCommand
{
    private static readonly DemoOptions s_defaults = new();
    private readonly Option<string> _task = Choices.Of("--task", "which preference (default: truthfulness)",
        ("truthfulness", "truthfulness"), ("safety", "safety"), ("red-teaming", "red-teaming"));

    private readonly Option<bool> _open = new("--open") { Description = "also write the same with plots as a page of HTML into the cache's folder, and open it" };

    private readonly Option<int?> _k = Choices.Whole("--k", $"latents on each side (default: {s_defaults.K})");

    public DemoCommand(Session session) : base("demo", "Run the whole method on the small model that comes with sparserm, beside its ablations", session,
        new Example("sparserm demo", "about ten seconds"),
        new Example("sparserm demo --k 1 --pairs 32", "one direction a side from 32 pairs"),
        new Example("sparserm demo --open", "and its plots in the browser"),
        new Example("sparserm demo --task safety --json", "another preference, for a program"))
    {
        this.AddAll(_task, _k, FitSettings.Pairs, FitSettings.Seed, CommonOptions.DType, CommonOptions.Backend, VariantChoice.Option,
            CommonOptions.Threads);
        this.AddAll(_open, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        var options = new DemoOptions
        {
            Task = args.GetValue(_task) ?? s_defaults.Task,
            K = args.GetValue(_k) ?? s_defaults.K,
            Pairs = args.GetValue(FitSettings.Pairs),
            Seed = args.GetValue(FitSettings.Seed) ?? s_defaults.Seed,
            Backend = args.GetValue(CommonOptions.Backend) ?? s_defaults.Backend,
            Variants = args.Variants(),
            Threads = args.GetValue(CommonOptions.Threads) ?? s_defaults.Threads,
            Compute = args.Compute(null),
        };
        string? page = args.GetValue(_open) ? Path.Combine(CacheFolder.Default, "demo.html") : null;
        if (page is not null)
        {
            OutputFile.Write(page, () => Directory.CreateDirectory(CacheFolder.Default));
            OutputFile.Probe("--open", page, OutputKind.Plot);
        }
        string backend = DescribeBackend(options);
        Session.SayBackend(args, backend);
        var clock = Stopwatch.StartNew();
        var result = Meter.Run(Session, meter => MiniWorldDemo.Run(options, meter, Session.Cancel));
        foreach (string warning in result.Fit.Warnings) Session.Warn(warning);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, result, backend, clock.Elapsed));
        else new DemoTables(Session).Write(result, clock.Elapsed);
        if (page is null) return;
        Session.WriteData(page, DemoPage.Of(result).WriteTo);
        Session.Say(Viewer.Open(page) is { } why ? $"wrote {page}; {why}, so open it in a browser" : $"wrote {page} and opened it");
    }

    private static string DescribeBackend(DemoOptions options)
    {
        using var backend = BackendCatalog.Open(options.Backend, options.Threads);
        return backend.Description;
    }

    private static void WriteJson(Utf8JsonWriter json, DemoResult result, string backend, TimeSpan elapsed)
    {
        new Report().Add("task", result.Options.Task).Add("k", result.Options.K).Add("seed", result.Options.Seed).Add("backend", backend)
            .Add("training_items", result.TrainingItems)
            .Add("training_pairs", result.Fit.Head.TrainingPairs).Add("held_out_pairs", result.Fit.Head.HeldOutPairs)
            .Add("held_out_accuracy", result.Fit.Head.HeldOutAccuracy).Add("warnings", result.Fit.Warnings).WriteTo(json);
        LatentTables.WriteJson(json, result.Fit.Reward.Input.Latents);
        json.WriteStartArray("rows");
        foreach (var row in result.Rows.Concat(result.FewPairs)) WriteJson(json, row);
        json.WriteEndArray();
        WriteJson(json, result.Example);
        new Report().Add("commands", DemoTables.OwnCommands).Add("seconds", elapsed.TotalSeconds).WriteTo(json);
    }

    private static void WriteJson(Utf8JsonWriter json, DemoRow row)
    {
        json.WriteStartObject();
        new Report().Add("input", row.Input).Add("k", row.K).Add("pairs", row.Pairs).WriteTo(json);
        foreach (var (name, draws) in new[] { ("test", row.Test), ("shift", row.Shift) })
        {
            json.WriteStartObject(name);
            json.WriteNumber("accuracy", draws.Average(draw => draw.Accuracy));
            json.WriteNumber("lowest", draws.Min(draw => draw.Accuracy));
            json.WriteNumber("highest", draws.Max(draw => draw.Accuracy));
            json.WriteNumber("draws", draws.Count);
            json.WriteNumber("pairs", draws[0].Total);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteJson(Utf8JsonWriter json, DemoExample example)
    {
        json.WriteStartObject("example");
        json.WriteString("question", example.Question);
        json.WriteNumber("mean_score", example.Right.Explanation.Parts.MeanScore);
        foreach (var (name, answer) in new[] { ("right", example.Right), ("wrong", example.Wrong) })
        {
            json.WriteStartObject(name);
            new Report().Add("answer", answer.Text).Add("score", answer.Explanation.Score).WriteTo(json);
            json.WriteStartArray("tokens");
            foreach (var token in answer.Tokens)
            {
                json.WriteStartObject();
                new Report().Add("text", token.Text).Add("score", token.Score).WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("shares");
            foreach (var share in answer.Explanation.Parts.Shares)
            {
                json.WriteStartObject();
                new Report().Add("latent", share.Latent?.Latent).Add("sign", share.Latent?.Sign).Add("value", share.Value)
                    .Add("mean", share.Mean).Add("share", share.Share).WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}
