using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Research.Latents;
using SparseRM.Research.Reports;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm latents</c>: what is known of the latents behind a reward.</summary>
internal sealed class LatentsCommand : CliCommand
{
    private const int RowsASide = 8, MostText = 24;
    private static readonly LatentOptions s_defaults = new();

    private readonly Argument<string?> _reward = new("REWARD") { Description = "a reward file whose latents are told of (default: those that --k chooses from --data)", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _model = Choices.Text("--model", "a model folder, or a hub id in the local Hugging Face cache: for promoted tokens and, with --data, for contexts", "FOLDER|ID");
    private readonly Option<string> _data = Choices.Text("--data", "preference pairs: p-values, stability and contexts are of these; - is standard input", "FILE");
    private readonly Option<string> _with = Choices.Text("--with", "another reward file on the same SAE: which latents both have", "FILE");
    private readonly Option<string> _explanations = Choices.Text("--explanations", "texts about the latents: jsonl or json that Neuronpedia exported", "FILE");
    private readonly Option<string> _neuronpedia = Choices.Text("--neuronpedia", "the SAE's place on Neuronpedia, for links, such as gemma-2-2b/12-gemmascope-res-16k (default: what the SAE's cfg.json or --explanations say)", "MODEL/SOURCE");
    private readonly Option<int?> _contexts = Choices.Whole("--contexts", $"contexts of each latent; 0 saves the pass over all tokens (default: {s_defaults.Contexts})", least: 0);
    private readonly Option<int?> _promoted = Choices.Whole("--promoted", $"tokens that each decoder row promotes (default: {s_defaults.Promoted})", least: 0);
    private readonly Option<int?> _nearest = Choices.Whole("--nearest", $"latents with similar decoder rows (default: {s_defaults.Nearest})", least: 0);
    private readonly Option<int?> _samples = Choices.Whole("--samples", $"bootstrap samples for the stability of the choice (default: {s_defaults.Samples})", least: 0, most: 100_000);
    private readonly Option<string> _report = Choices.Text("--report", "also write all of it as a page of HTML", "FILE");

    public LatentsCommand(Session session) : base("latents",
        "Tell what is known of the latents behind a reward: frequencies, exact p-values, contexts, promoted tokens, neighbours, stability", session,
        new Example("sparserm latents reward.safetensors --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data test.jsonl --report latents.html",
            "those of a reward model, on pairs that it was not fitted on"),
        new Example("sparserm latents --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --k 32 --json", "those that a fit would choose, for a program"),
        new Example("sparserm latents helpful.safetensors --with safe.safetensors", "which latents two reward models share"))
    {
        Arguments.Add(_reward);
        this.AddAll(_model, FitSettings.Sae, FitSettings.SaeOfOtherModel, _data, FitSettings.K, FitSettings.Pairs, FitSettings.Layer, CommonOptions.Position, _contexts,
            _promoted, _nearest, _samples, FitSettings.Seed, _with,
            _explanations, _neuronpedia, _report, CommonOptions.Json, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Cache, CommonOptions.NoCache);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string? path = args.GetValue(_reward), other = args.GetValue(_with), report = args.GetValue(_report);
        Check(args, path);
        OutputFile.Probe("--report", report, OutputKind.Plot, ("REWARD", path), ("--data", args.GetValue(_data)), ("--with", other), ("--explanations", args.GetValue(_explanations)));
        var reward = path is null ? null : RewardModelFile.Load(path);
        if (reward is not null) _ = LatentOverlap.LatentsOf(path!, reward);
        var options = new LatentOptions
        {
            K = args.GetValue(FitSettings.K) ?? s_defaults.K, Contexts = args.GetValue(_contexts) ?? s_defaults.Contexts, Promoted = args.GetValue(_promoted) ?? s_defaults.Promoted,
            Nearest = args.GetValue(_nearest) ?? s_defaults.Nearest, Samples = args.GetValue(_samples) ?? s_defaults.Samples, Seed = args.GetValue(FitSettings.Seed) ?? s_defaults.Seed,
        };
        var (found, dSae) = Meter.Run(Session, meter => Study(args, path, reward, options, meter));
        (LatentOverlap, string)? overlap = other is null ? null : (LatentOverlap.Of((path!, reward!), (other, RewardModelFile.Load(other)), dSae), Path.GetFileName(other));
        Session.Cancel.ThrowIfCancellationRequested();
        if (report is not null) Session.WriteData(report, LatentPage.Of(found, About(args, path), overlap).WriteTo);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, found, overlap?.Item1));
        else WriteTable(found, overlap);
        if (report is not (null or "-")) Session.Say($"wrote {report}");
    }

    private void Check(ParseResult args, string? path)
    {
        string? model = args.GetValue(_model), sae = args.GetValue(FitSettings.Sae), data = args.GetValue(_data);
        if (path is null && data is null) throw new UsageException("latents are those of a reward file, or chosen from --data; give either");
        if (data is not null && (model is null || sae is null)) throw new UsageException("--data needs --model and --sae: the model reads the answers, and the SAE splits their states");
        if (args.GetValue(_with) is not null && path is null) throw new UsageException("--with compares with the latents of a reward file; give that, too");
        if (path is not null && args.Has(FitSettings.K)) throw new UsageException("--k says how many latents are chosen from --data; those of a reward file are known, so leave one of them out");
        if (data is null && path is not null && args.Has(CommonOptions.Position)) throw new UsageException("--position is the reward file's; leave it out");
        if (args.GetValue(_report) == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --report - both want standard output; leave one of them out");
        if (path is not null && Path.Exists(path) && Recognised.Of(path) is not (PathKind.Reward or PathKind.Unknown)) throw new UsageException($"{path} is no reward file; inspect tells what it is");
        Recognised.RefuseSwapped(model, sae);
    }

    private (LatentReport Report, int? DSae) Study(ParseResult args, string? path, RewardModel? reward, LatentOptions options, Meter meter)
    {
        (string, RewardModel)? given = reward is null ? null : (path!, reward);
        if (args.GetValue(_data) is not { } data)
        {
            var alone = args.GetValue(FitSettings.Sae) is { } named ? SaeFormatCatalog.Open(named, args.GetValue(CommonOptions.LlamaScope)) : null;
            var sources = new LatentSources { Reward = given, Sae = alone, Model = ModelOf(args), Explanations = Explained(args, alone) };
            return (LatentStudy.Run(sources, options, meter, Session.Cancel), alone?.DSae);
        }
        var pairs = DataSettings.Read(args, data, Session, args.GetValue(FitSettings.Pairs));
        return Studies.Run(args, Session, meter, FitSettings.ReadTrainer(args, args.GetRequiredValue(_model)), given, [pairs], (trainer, good) =>
        {
            var measured = new LatentSources { Reward = given, Measured = (trainer, good[0]!), Sae = trainer.Sae, Model = ModelOf(args), Explanations = Explained(args, trainer.Sae) };
            return (LatentStudy.Run(measured, options, meter, Session.Cancel), (int?)trainer.Sae!.DSae);
        }, "").Result;
    }

    private (string Folder, ModelTokenizer? Tokenizer)? ModelOf(ParseResult args)
    {
        if (args.GetValue(_model) is not { } model) return null;
        string folder = ModelFolder.Resolve(model);
        return (folder, ModelTokenizer.ExistsIn(folder) ? ModelTokenizer.Load(folder) : null);
    }

    private Explanations Explained(ParseResult args, SparseAutoencoder? sae) => Session.Reading(() => Explanations.Read(args.GetValue(_explanations), sae, args.GetValue(_neuronpedia)));

    private string About(ParseResult args, string? path) => string.Join(", ", new[]
    {
        path is null ? "chosen from the data" : $"of {Path.GetFileName(path)}",
        args.GetValue(_model) is { } model ? $"model {Path.GetFileName(model.TrimEnd('/'))}" : null,
        args.GetValue(FitSettings.Sae) is { } sae ? $"SAE {Path.GetFileName(sae.TrimEnd('/'))}" : null,
        args.GetValue(_data) is { } data ? $"data {Path.GetFileName(data)}" : null,
    }.OfType<string>());

    private void WriteTable(LatentReport found, (LatentOverlap Overlap, string Other)? overlap)
    {
        // Two tables, since one of both would take 170 columns.
        var (numbers, words) = (Tables.Of(">Latent", "Prefers", ">Chosen", ">Rejected", ">Separation", ">p (Holm)", ">Stability"), Tables.Of(">Latent", "Promotes", "Most active at", "Explanation"));
        foreach (int sign in (ReadOnlySpan<int>)[1, -1])
        {
            var side = found.Latents.Where(facts => facts.Latent.Sign == sign).ToArray();
            foreach (var facts in side.Take(RowsASide))
            {
                var latent = facts.Latent;
                numbers.Row($"{latent.Latent}", sign > 0 ? "chosen" : "rejected", $"{Tables.Count(latent.ChosenCount)} of {Tables.Count(latent.ChosenSamples)}",
                    $"{Tables.Count(latent.RejectedCount)} of {Tables.Count(latent.RejectedSamples)}", Tables.Percent(latent.Separation + 0.0), LatentPage.PValue(facts.Adjusted),
                    facts.Stability is { } stability ? Tables.Percent(stability) : "-");
                words.Row($"{latent.Latent}", Short(string.Join(' ', facts.Promoted.Take(3).Select(token => $"'{token.Token}'"))), facts.Contexts.Count == 0 ? "" : AtToken(facts.Contexts[0]), Short(facts.Explanation ?? ""));
            }
            if (side.Length > RowsASide) numbers.Row("...", $"{side.Length - RowsASide} more", "", "", "", "", "");
        }
        Session.Tables.Write(numbers);
        if (found.Latents.Any(facts => facts.Promoted.Count > 0 || facts.Contexts.Count > 0 || facts.Explanation is not null)) Session.Tables.Write(words);
        foreach (string note in found.Notes) Session.Note(note);
        string[] sentences = [LatentPage.Summary(found), .. overlap is var (shared, other) ? [PlainText.Escape(LatentPage.Sentence(shared, other))] : Array.Empty<string>()];
        foreach (string line in sentences.SelectMany(sentence => Wording.Fold(sentence, Session.TextWidth))) Session.Out.WriteLine(line);
    }

    private static string Short(string text) => PlainText.Escape(text) is { Length: > MostText } shown ? shown[..MostText] + " ..." : PlainText.Escape(text);

    private static string AtToken(LatentContext context)
    {
        string before = PlainText.Escape(context.Before);
        return $"{(before.Length > MostText ? "..." + before[^MostText..] : before)}[{Short(context.Token)}]";
    }

    private static void WriteJson(Utf8JsonWriter json, LatentReport found, LatentOverlap? overlap)
    {
        new Report().Add("summary", LatentPage.Summary(found)).Add("tested", found.Tested).Add("prompts", found.Prompts).Add("correction", found.Tested is null ? null : "holm").Add("notes", found.Notes).WriteTo(json);
        json.WriteStartArray("latents");
        foreach (var facts in found.Latents)
        {
            json.WriteStartObject();
            LatentTables.WriteFields(json, facts.Latent);
            new Report().Add("p", facts.P).Add("p_adjusted", facts.Adjusted).Add("stability", facts.Stability).Add("explanation", facts.Explanation).Add("link", facts.Link).WriteTo(json);
            Write(json, "contexts", facts.Contexts, context => new Report().Add("before", context.Before).Add("token", context.Token).Add("after", context.After).Add("activation", context.Activation)
                .Add("chosen", context.IsChosen).Add("line", context.Line));
            Write(json, "promoted", facts.Promoted, token => new Report().Add("token", token.Token).Add("logit", token.Logit));
            Write(json, "nearest", facts.Nearest, near => new Report().Add("latent", near.Latent).Add("cosine", near.Cosine));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (overlap is null) return;
        json.WriteStartObject("overlap");
        new Report().Add("first", overlap.FirstCount).Add("second", overlap.SecondCount).Add("same_side", overlap.SameSide).Add("jaccard", overlap.Jaccard).Add("expected", overlap.Expected).WriteTo(json);
        Write(json, "shared", overlap.Shared, shared => new Report().Add("latent", shared.First.Latent).Add("first_sign", shared.First.Sign).Add("second_sign", shared.Second.Sign)
            .Add("first_separation", shared.First.Separation).Add("second_separation", shared.Second.Separation));
        json.WriteEndObject();
    }

    private static void Write<T>(Utf8JsonWriter json, string name, IEnumerable<T> values, Func<T, Report> facts)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStartObject();
            facts(value).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
