using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Research.SaeTraining;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm train-sae</c>: a sparse autoencoder for a model that has none.</summary>
internal sealed class TrainSaeCommand : CliCommand
{
    private readonly Option<int?> _layer = Choices.Whole("--layer", "block after which the residual stream is read, 0-based", least: 0);
    private readonly Option<string[]> _data = new("--data")
    {
        Description = "texts: jsonl, json, csv or parquet with text, messages, ids, prompt and response, or preference pairs; or .txt, a text a line (also .gz)",
        HelpName = "FILE", Required = true, AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<string> _test = Choices.Text("--test", "texts to measure on (default: every twentieth text of --data, which is then not trained on)", "FILE");
    private readonly Option<SaeArchitecture> _architecture = Choices.Of("--architecture", "how active latents are chosen (default: batchtopk)",
        [.. Enum.GetValues<SaeArchitecture>().Select(value => (SaeTrainingOptions.NameOf(value), value))]);
    private readonly Option<int?> _width = Choices.Whole("--width", "latents");
    private readonly Option<int?> _k = Choices.Whole("--k", "active latents of a token: of topk exactly, of batchtopk and matryoshka on average");
    private readonly Option<double?> _l0 = Choices.Number("--l0", "jumprelu: active latents of a token on average, which training aims at");
    private readonly Option<double?> _tokens = Choices.Number("--tokens", "tokens to train on, such as 2e7; texts are read again where they are fewer (default: 1e7)");
    private readonly Option<int?> _batch = Choices.Whole("--batch-tokens", "tokens of a step (default: 2048)");
    private readonly Option<double?> _rate = Choices.Number("--learning-rate", "Adam's greatest step (default: 0.0004 * sqrt(16384 / width))");
    private readonly Option<int?> _buffer = Choices.Whole("--buffer-tokens", "tokens that are shuffled together; bounds memory (default: what 512 MiB hold)");
    private readonly Option<int?> _context = Choices.Whole("--context-tokens", "longer texts are cut into pieces of so many tokens (default: 512, or the model's context)");
    private readonly Option<SaeFileFormat> _format = Choices.Of("--sae-format", "files of the SAE (default: saelens)",
        ("saelens", SaeFileFormat.SaeLens), ("gemma-scope", SaeFileFormat.GemmaScope));
    private readonly Option<string> _compare = Choices.Text("--compare", "another SAE of that layer, measured on the same tokens", "PATH");
    private readonly Option<string> _output = Choices.Text("--output", "folder for the SAE and, until it is done, a checkpoint; the same command resumes", "FOLDER", required: true);

    public TrainSaeCommand(Session session) : base("train-sae", "Train a sparse autoencoder on a model's residual stream, for models and layers that have none", session,
        new Example("sparserm train-sae --model Qwen/Qwen3-0.6B --layer 14 --data texts.jsonl --width 8192 --k 48 --tokens 5e7 --output qwen-sae", "BatchTopK, which fit --sae qwen-sae then takes"),
        new Example("sparserm train-sae --model google/gemma-2-2b-it --layer 12 --data a.parquet --data b.parquet --architecture jumprelu --width 16384 --l0 80 "
            + "--sae-format gemma-scope --output layer_12 --json", "JumpReLU in Gemma Scope's files, for a program"))
    {
        _layer.Required = _width.Required = true;
        this.AddAll(CommonOptions.Model, _layer, _data, _test, _architecture, _width, _k, _l0, _tokens, _output, _format, _compare, CommonOptions.Json);
        this.AddAll(_batch, _rate, _buffer, _context, FitSettings.Seed, CommonOptions.ChatTemplate, CommonOptions.DType);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        var (job, options) = (JobOf(args), OptionsOf(args));
        Recognised.RefuseSwapped(job.Model.Model, job.Compare);
        var result = Train(job, options);
        var report = new Report().Add("architecture", SaeTrainingOptions.NameOf(options.Architecture)).Add("layer", job.Layer).Add("width", options.Width)
            .Add(options.Architecture == SaeArchitecture.JumpRelu ? "l0_target" : "k", options.Active).Add("tokens", result.Tokens).Add("resumed_at", result.ResumedAt)
            .AddAll(Facts(result.Measure)).Add("held_out_tokens", result.Measure.Tokens)
            .Add("seconds", Math.Round(result.Seconds, 1)).Add("model_seconds", Math.Round(result.ModelSeconds, 1)).Add("step_seconds", Math.Round(result.StepSeconds, 1))
            .Add("product_gflops", Math.Round(result.ProductGflops)).Add("share_of_product", result.Share is { } share ? Math.Round(share, 3) : null);
        if (args.GetValue(CommonOptions.Json)) report.Add("output", job.Output);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, report, result.Compared));
        else Session.Tables.Write(result.Compared is { } other ? Beside(report, Facts(other)) : report.ToTable("SAE"));
        if (result.Measure.NoLoss.Length > 0) Session.Say($"the loss recovered is not known: {result.Measure.NoLoss}");
        else if (result.Compared is { NoLoss: { Length: > 0 } reason }) Session.Say($"the loss recovered of {job.Compare} is not known: {reason}");
        Session.Say($"wrote {job.Output}");
        Session.AfterInterrupt = $"{job.Output} is whole; what it keeps of the loss was not measured to the end";
        Session.Cancel.ThrowIfCancellationRequested();
    }

    private SaeTrainingResult Train(SaeTrainingJob job, SaeTrainingOptions options)
    {
        try
        {
            return Meter.Run(Session, meter => SaeTrainingRun.Run(job, options, meter, Session.Cancel));
        }
        finally
        {
            if (File.Exists(job.Checkpoint)) Session.AfterInterrupt = $"a checkpoint is kept in {job.Output}, and the same command resumes";
        }
    }

    private static Spectre.Console.Table Beside(Report report, Report other)
    {
        var table = Tables.Of("", "SAE", "Compared");
        var others = other.Shown.ToDictionary(fact => fact.Name, fact => fact.Value);
        foreach (var (name, value) in report.Shown) table.Row(name, value, others.GetValueOrDefault(name, ""));
        return table;
    }

    private SaeTrainingJob JobOf(ParseResult args)
    {
        string[] data = args.GetRequiredValue(_data);
        if (data.Append(args.GetValue(_test)).Contains("-")) throw new UsageException("--data and --test name files, which may be read several times; standard input is none");
        return new SaeTrainingJob
        {
            Model = args.Backbone(defaultType: null), Layer = args.GetValue(_layer)!.Value, Data = data, Test = args.GetValue(_test), Compare = args.GetValue(_compare),
            Output = args.GetRequiredValue(_output), Format = args.GetValue(_format),
        };
    }

    private SaeTrainingOptions OptionsOf(ParseResult args)
    {
        var architecture = args.Has(_architecture) ? args.GetValue(_architecture) : SaeArchitecture.BatchTopK;
        bool isJump = architecture == SaeArchitecture.JumpRelu;
        if (isJump && args.Has(_k)) throw new UsageException("--k is not for jumprelu, which has no fixed number of active latents; give --l0");
        if (!isJump && args.Has(_l0)) throw new UsageException($"--l0 is for jumprelu; give --k for {SaeTrainingOptions.NameOf(architecture)}");
        double? active = isJump ? args.GetValue(_l0) : args.GetValue(_k);
        var none = new SaeTrainingOptions { Width = args.GetValue(_width)!.Value, Active = active ?? throw new UsageException(isJump ? "--l0 is needed for jumprelu" : $"--k is needed for {SaeTrainingOptions.NameOf(architecture)}") };
        return none with
        {
            Architecture = architecture,
            Tokens = (long)Math.Min(args.GetValue(_tokens) ?? none.Tokens, 1e15),
            BatchTokens = args.GetValue(_batch) ?? none.BatchTokens,
            LearningRate = args.GetValue(_rate),
            BufferTokens = args.GetValue(_buffer),
            ContextTokens = args.GetValue(_context) ?? none.ContextTokens,
            Seed = args.GetValue(FitSettings.Seed) ?? none.Seed,
            Threads = args.GetValue(CommonOptions.Threads) ?? 0,
        };
    }

    private static Report Facts(SaeMeasure measure) => new Report().Add("fvu", measure.Fvu).Add("l0", measure.L0).Add("dead", measure.Dead)
        .Add("loss", measure.Loss?.Loss).Add("loss_with_sae", measure.Loss?.WithSae).Add("loss_with_zeros", measure.Loss?.WithZeros).Add("loss_recovered", measure.Loss?.Recovered).Add("loss_tokens", measure.Loss?.Tokens)
        .Add("no_loss", measure.NoLoss.Length > 0 ? measure.NoLoss : null);

    private static void WriteJson(Utf8JsonWriter json, Report report, SaeMeasure? compared)
    {
        report.WriteTo(json);
        if (compared is null) return;
        json.WriteStartObject("compared");
        Facts(compared).WriteTo(json);
        json.WriteEndObject();
    }
}
