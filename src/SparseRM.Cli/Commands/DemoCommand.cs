using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data.Evaluation;
using SparseRM.Demo;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm demo</c>: the whole method in a few seconds.</summary>
internal sealed class DemoCommand : CliCommand
{
    private static readonly DemoOptions s_defaults = new();
    private readonly Option<string> _task = Choices.Of("--task", "which preference (default: truthfulness)",
        ("truthfulness", "truthfulness"), ("safety", "safety"), ("red-teaming", "red-teaming"));

    private readonly Option<int?> _k = Choices.Whole("--k", $"latents on each side (default: {s_defaults.K})");

    public DemoCommand(Session session) : base("demo", "Run the whole method on the small model that comes with sparserm, beside its ablations", session,
        new Example("sparserm demo", "about 20 seconds"),
        new Example("sparserm demo --k 1 --pairs 32", "one direction a side from 32 pairs"),
        new Example("sparserm demo --task safety --json", "another preference, for a program"))
    {
        this.AddAll(_task, _k, FitSettings.Pairs, FitSettings.Seed, CommonOptions.DType, CommonOptions.Backend, VariantChoice.Option,
            CommonOptions.Threads);
        Options.Add(CommonOptions.Json);
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
        string backend = DescribeBackend(options);
        Session.SayBackend(args, backend);
        var clock = Stopwatch.StartNew();
        var result = Meter.Run(Session, meter => MiniWorldDemo.Run(options, meter, Session.Cancel));
        foreach (string warning in result.Fit.Warnings) Session.Warn(warning);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, result, backend, clock.Elapsed));
        else WriteTables(result, clock.Elapsed);
    }

    private static string DescribeBackend(DemoOptions options)
    {
        using var backend = BackendCatalog.Open(options.Backend, options.Threads);
        return backend.Description;
    }

    private void WriteTables(DemoResult result, TimeSpan elapsed)
    {
        var output = Session.Out;
        var head = result.Fit.Head;
        int latents = result.Fit.Reward.Input.Latents.Count;
        output.WriteLine("MiniWorld: a language model of 2.8 million parameters that knows a thousand facts, and knows when an answer is wrong.");
        output.WriteLine();
        int pairs = head.TrainingPairs + head.HeldOutPairs, layer = result.Fit.Reward.Metadata.Identity.Layer, units = result.Fit.Reward.Head.HiddenUnits;
        output.WriteLine($"1. Of {pairs} pairs of answers ({result.Options.Task}), the residual stream after block {layer} was read, and");
        output.WriteLine($"   {latents} latents of the sparse autoencoder were chosen that are active more often in one kind of answer than in the other:");
        Session.Tables.Write(LatentTables.Of(result.Fit.Reward.Input.Latents, rowsASide: 3));
        output.WriteLine($"2. A head of {units} units was trained on the projections on their {latents} directions, and likewise on what the ablations see.");
        output.WriteLine("   Accuracy on pairs that it never saw, and on pairs with other wordings (shift):");
        Accuracies(result);
        Example(result.Example);
        output.WriteLine($"That took {elapsed.TotalSeconds:F1} s. The same with your own model, SAE and pairs:");
        output.WriteLine();
        foreach (string line in OwnCommands) output.WriteLine($"  {line}");
    }

    private static string[] OwnCommands { get; } =
    [
        "sparserm fit --model MODEL_FOLDER --sae SAE_FOLDER --data pairs.jsonl --output reward.safetensors",
        "sparserm evaluate --model MODEL_FOLDER --reward reward.safetensors --data test.jsonl",
        "sparserm score --model MODEL_FOLDER --reward reward.safetensors --input answers.jsonl",
    ];

    private void Accuracies(DemoResult result)
    {
        var table = Tables.Of("The head sees", ">K", ">Pairs", ">Test", ">Shift");
        foreach (var row in result.Rows.Concat(result.FewPairs)) table.Row(row.Input, $"{row.K}", Tables.Count(row.Pairs), Shown(row.Test), Shown(row.Shift));
        Session.Tables.Write(table);
        Session.Out.WriteLine($"   Random directions: mean and range of {MiniWorldDemo.RandomDraws} draws.");
        Session.Out.WriteLine();
    }

    private void Example(DemoExample example)
    {
        Session.Out.WriteLine($"3. \"{example.Question}\"");
        var scores = Tables.Of("Answer", "", ">Score");
        scores.Row(example.Right, "right", Tables.Signed(example.RightScore));
        scores.Row(example.Wrong, "wrong", Tables.Signed(example.WrongScore));
        Session.Tables.Write(scores);
        var parts = example.Explanation.Parts;
        string score = Tables.Signed(parts.Score), mean = Tables.Signed(parts.MeanScore);
        Session.Out.WriteLine($"   Why the wrong answer scores {score} where the mean training input scores {mean}; "
            + "the shares of all directions add up to the difference:");
        var table = Tables.Of(">Latent", "Prefers", ">Projection", ">Mean", ">Share", "Tokens where it pushes the score most");
        foreach (var (share, tokens) in example.Explanation.Top)
        {
            table.Row($"{share.Latent?.Latent}", share.Latent is { Sign: > 0 } ? "chosen" : "rejected", Tables.Signed(share.Value),
                Tables.Signed(share.Mean), Tables.Signed(share.Share),
                string.Join("  ", tokens.Take(3).Select(token => $"{Shown(token.Text)} {Tables.Signed(token.Push)}")));
        }
        int others = parts.Shares.Count - example.Explanation.Top.Count;
        double rest = parts.Shares.Sum(share => share.Share) - example.Explanation.Top.Sum(top => top.Share.Share);
        table.Row("...", $"{others} more", "", "", Tables.Signed(rest), "");
        table.Row("all", "", "", "", Tables.Signed(parts.Score - parts.MeanScore), "");
        Session.Tables.Write(table);
    }

    private static string Shown(string token) => token.Trim(' ') is { Length: > 0 } text ? text.Replace("\n", "\\n") : "' '";

    private static string Shown(IReadOnlyList<AccuracyCount> draws)
    {
        string mean = Tables.Percent(draws.Average(draw => draw.Accuracy));
        return draws.Count == 1 ? mean : $"{mean} ({Tables.Percent(draws.Min(draw => draw.Accuracy))} to {Tables.Percent(draws.Max(draw => draw.Accuracy))})";
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
        new Report().Add("commands", OwnCommands).Add("seconds", elapsed.TotalSeconds).WriteTo(json);
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
        json.WriteString("right", example.Right);
        json.WriteNumber("right_score", example.RightScore);
        json.WriteString("wrong", example.Wrong);
        json.WriteNumber("wrong_score", example.WrongScore);
        json.WriteNumber("mean_score", example.Explanation.Parts.MeanScore);
        json.WriteStartArray("shares");
        foreach (var share in example.Explanation.Parts.Shares)
        {
            json.WriteStartObject();
            new Report().Add("latent", share.Latent?.Latent).Add("sign", share.Latent?.Sign).Add("value", share.Value)
                .Add("mean", share.Mean).Add("share", share.Share).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
