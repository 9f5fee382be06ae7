using System.CommandLine;
using SparseRM.Data;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Cli.Terminal;

/// <summary>Options that several commands share, each with one meaning; defaults that depend on the command are added for its help.</summary>
internal static class CommonOptions
{
    public static Option<bool> Debug { get; } = new("--debug") { Description = "show where an error arose", Recursive = true };

    public static Option<bool> Json { get; } = new("--json") { Description = "print one JSON object on standard output" };

    public static Option<string> Model { get; } =
        Choices.Text("--model", "a model folder, or a hub id in the local Hugging Face cache", "FOLDER|ID", required: true);

    public static Option<string> Backend { get; } = Choices.Known("--backend",
        $"where the model runs (default: auto; {BackendCatalog.AutoReason})", BackendCatalog.Names, BackendCatalog.Knows);

    public static Option<int?> Threads { get; } = Choices.Whole("--threads", "threads (default: all cores); changes no bit of any result", most: 1024);

    // Not an option of DType?: System.CommandLine cannot hand over a null that was asked for.
    public static Option<string> DType { get; } = Choices.Of("--dtype",
        "type of the products: f32, bf16, or int8 (8 bits a weight, on the processor alone); auto is the weights' own",
        [.. Tensors.DTypes.ComputeNames.Append("auto").Select(name => (name, name))]);

    public static Option<int?> MaxBatchTokens { get; } =
        Choices.Whole("--max-batch-tokens", $"tokens computed at once, bounds memory (default: {BatchPlan.DefaultTokens})");

    public static Option<Truncation> Truncate { get; } = Choices.Of("--truncate",
        "cut inputs longer than the model's context (default: refuse them)", ("left", Truncation.Left), ("right", Truncation.Right));

    public static Option<string> ChatTemplate { get; } = Choices.Text("--chat-template",
        $"{string.Join(", ", SparseRM.Text.ChatTemplate.Names)} or a file", "NAME|FILE");

    public static Option<ReadOutPosition> Position { get; } = Choices.Of("--position",
        "where the state is read: the last token (default), the answer's last token, or the mean over the answer",
        ("last", ReadOutPosition.Last), ("content", ReadOutPosition.Content), ("mean", ReadOutPosition.Mean));

    public static Option<string> Cache { get; } = Choices.Text("--cache", "folder for computed hidden states", "FOLDER");

    public static Option<bool> NoCache { get; } = new("--no-cache") { Description = "keep no hidden states" };

    public static Option<LlamaScopeMode> LlamaScope { get; } = Choices.Of("--llama-scope-mode", "how Llama Scope's threshold is read",
        ("official", LlamaScopeMode.Official), ("saelens", LlamaScopeMode.SaeLens));

    public static Option<string> Format { get; } = Choices.Of("--format", "format of the preference data (default: recognised)",
        [.. PreferenceFile.FormatNames.Select(name => (name, name))]);

    public static Option<string> Columns { get; } = Choices.Text("--columns",
        $"columns of the preference data that have other names, such as prompt=Q,chosen=A,rejected=B; known: {string.Join(", ", PreferenceReadOptions.ColumnNames)}", "NAME=COLUMN,..");

    public static Option<string> Split { get; } = Choices.Text("--split",
        "which split of a folder or of a JSON document with several is read, such as train (default: the only one)", "NAME");

    public static Option<PreferenceDimension> Dimension { get; } = Choices.Of("--dimension", "which judgement of PKU-SafeRLHF counts (default: better)",
        ("better", PreferenceDimension.Better), ("safer", PreferenceDimension.Safer));

    public static Option<bool> AddEos { get; } = new("--add-eos") { Description = "put the tokenizer's EOS after each text (rendered dialogues have their own end)" };

    public static Option<ScoreAggregate> Aggregate { get; } = Choices.Parsed("--aggregate",
        "how the heads' scores become one: mean, min or mean-minus:LAMBDA, the mean less LAMBDA standard deviations",
        "mean|min|mean-minus:LAMBDA", ScoreAggregate.Parse);

    public static Option<bool> SkipBad { get; } = new("--skip-bad") { Description = "leave bad rows out and count them: rows that cannot be read, and answers that cannot be encoded" };

    /// <summary>What every command that runs a model takes.</summary>
    public static IReadOnlyList<Option> Running { get; } = [Backend, VariantChoice.Option, Threads, MaxBatchTokens];

    /// <summary>What every command that reads preference data takes.</summary>
    public static IReadOnlyList<Option> Reading { get; } = [Format, Columns, Split, Dimension, SkipBad];

    /// <summary>Adds several.</summary>
    public static void AddAll(this Command command, params IEnumerable<Option> options)
    {
        foreach (var option in options) command.Options.Add(option);
    }

    /// <summary>What <c>--dtype</c> says: null for auto, <paramref name="otherwise"/> where it is not given.</summary>
    public static DType? Compute(this ParseResult args, DType? otherwise) => args.GetValue(DType) switch
    {
        null => otherwise,
        "auto" => null,
        var name => Tensors.DTypes.ParseCompute(name),
    };

    /// <summary>Whether the user gave the option.</summary>
    public static bool Has(this ParseResult args, Option option) => args.GetResult(option) is { Implicit: false };

    /// <summary>Settings of <see cref="Running"/> and of those others that the command has.</summary>
    public static BackboneOptions Backbone(this ParseResult args, DType? defaultType) => args.Backbone(defaultType, args.GetRequiredValue(Model));

    /// <summary>The same for a model that is not named by <see cref="Model"/>.</summary>
    public static BackboneOptions Backbone(this ParseResult args, DType? defaultType, string model) => new()
    {
        Model = model,
        Backend = args.GetValue(Backend) ?? "auto",
        Variants = args.Variants(),
        Threads = args.GetValue(Threads) ?? 0,
        MaxBatchTokens = args.GetValue(MaxBatchTokens) ?? BatchPlan.DefaultTokens,
        Compute = args.Compute(defaultType),
        ChatTemplate = args.GetValue(ChatTemplate),
        Truncation = args.GetValue(Truncate),
    };
}
