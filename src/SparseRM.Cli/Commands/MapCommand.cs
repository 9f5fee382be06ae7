using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Research.Maps;
using SparseRM.Research.Reports;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm map</c>: preferred against rejected answers in two dimensions.</summary>
internal sealed class MapCommand : CliCommand
{
    private static readonly MapOptions s_defaults = new();

    private readonly Argument<string?> _reward = new("REWARD") { Description = "a reward file whose directions are the projected space (default: those that --k chooses from --data)", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _data = Choices.Text("--data", "preference pairs: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<int?> _points = Choices.Whole("--points", $"answers on the maps at most; of more, prompts are drawn (default: {s_defaults.Points})", least: 12, most: 5000);
    private readonly Option<double?> _perplexity = Choices.Number("--perplexity", $"neighbours that count in t-SNE (default: {s_defaults.Perplexity})");
    private readonly Option<string> _output = Choices.Text("--output", "the page of HTML to write; - is standard output", "FILE", required: true);

    public MapCommand(Session session) : base("map",
        "Map preferred against rejected answers by t-SNE and principal components, on the directions and of the dense state, with how far they lie apart", session,
        new Example("sparserm map reward.safetensors --model google/gemma-2-2b-it --data test.jsonl --output map.html", "on the directions of a reward model"),
        new Example("sparserm map --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data train.jsonl --k 32 --points 2000 --output map.html --json",
            "on directions chosen from the pairs themselves"))
    {
        Arguments.Add(_reward);
        this.AddAll(CommonOptions.Model, FitSettings.Sae, FitSettings.SaeOfOtherModel, _data, FitSettings.K, _points, _perplexity, FitSettings.Seed, FitSettings.Layer,
            CommonOptions.Position, _output, CommonOptions.Json,
            CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Cache, CommonOptions.NoCache);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string? path = args.GetValue(_reward);
        string output = args.GetRequiredValue(_output);
        if (path is null && args.GetValue(FitSettings.Sae) is null) throw new UsageException("--sae is needed where there is no reward file: directions are chosen among its latents");
        if (path is not null && args.Has(FitSettings.K)) throw new UsageException("--k says how many latents are chosen; those of a reward file are known, so leave one of them out");
        if (output == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --output - both want standard output; leave one of them out");
        Recognised.RefuseSwapped(args.GetRequiredValue(CommonOptions.Model), args.GetValue(FitSettings.Sae), path);
        OutputFile.Probe(output, OutputKind.Plot, ("REWARD", path), ("--data", args.GetValue(_data)));
        var reward = path is null ? null : RewardModelFile.Load(path);
        if (reward is { Components.Count: > 1 }) throw new UsageException($"{path} holds {reward.Components.Count} components, each with its own directions; give the file of one of them");
        var options = new MapOptions
        {
            K = args.GetValue(FitSettings.K) ?? s_defaults.K, Points = args.GetValue(_points) ?? s_defaults.Points, Perplexity = args.GetValue(_perplexity) ?? s_defaults.Perplexity,
            Seed = args.GetValue(FitSettings.Seed) ?? s_defaults.Seed, Threads = args.GetValue(CommonOptions.Threads) ?? 0,
        };
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, limit: null);
        (string, RewardModel)? given = reward is null ? null : (path!, reward);
        var (result, about) = Meter.Run(Session, meter => Studies.Run(args, Session, meter, FitSettings.ReadTrainer(args), given, [data],
            (trainer, good) => MapStudy.Run(trainer, good[0]!, given, options, meter, Session.Cancel), path is null ? $"K = {options.K}" : $"directions of {Path.GetFileName(path)}"));
        Session.Cancel.ThrowIfCancellationRequested();
        Session.WriteData(output, MapPage.Of(result, about).WriteTo);
        foreach (string note in result.Notes) Session.Note(note);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, result));
        else if (output != "-") Session.Out.WriteLine(MapPage.Summary(result));
        if (output != "-") Session.Say($"wrote {output}");
    }

    private static void WriteJson(Utf8JsonWriter json, MapResult result)
    {
        new Report().Add("summary", MapPage.Summary(result)).Add("notes", result.Notes).WriteTo(json);
        json.WriteStartArray("spaces");
        foreach (var space in result.Spaces)
        {
            json.WriteStartObject();
            new Report().Add("name", space.Name).Add("dimensions", space.Width).Add("probe_accuracy", space.Probe?.Accuracy).Add("probe_low", space.Probe?.Low).Add("probe_high", space.Probe?.High)
                .Add("silhouette", space.Silhouette).Add("silhouette_tsne", space.TSneSilhouette).Add("silhouette_pca", space.PrincipalSilhouette).Add("trustworthiness", space.Trustworthiness)
                .Add("kl_divergence", space.Divergence).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("points");
        for (int i = 0; i < result.Points.Count; i++)
        {
            json.WriteStartObject();
            new Report().Add("line", result.Points[i].Line).Add("chosen", result.Points[i].IsChosen).WriteTo(json);
            foreach (var space in result.Spaces)
            {
                foreach (var (name, map) in new[] { ("tsne", space.TSne), ("pca", space.Principal) })
                {
                    json.WriteStartArray($"{name}_{space.Name}");
                    json.WriteNumberValue(map[2 * i]);
                    json.WriteNumberValue(map[(2 * i) + 1]);
                    json.WriteEndArray();
                }
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
