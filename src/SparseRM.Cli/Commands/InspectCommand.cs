using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm inspect</c>: what a folder or file is, and whether it can be used.</summary>
internal sealed class InspectCommand : CliCommand
{
    private readonly Argument<string> _path = new("PATH")
    {
        Description = "a model or an SAE (folder, file or hub id), a reward file, a file that activations or encode wrote, or preference data",
    };

    public InspectCommand(Session session) : base("inspect", "Show what a model, SAE, reward file, file of states or preference data holds; it is recognised by its content", session,
        new Example("sparserm inspect google/gemma-2-2b-it", "a model"),
        new Example("sparserm inspect gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82", "an SAE"),
        new Example("sparserm inspect reward.safetensors --json", "a reward file, for a program"),
        new Example("sparserm inspect pairs.csv --columns prompt=Q,chosen=A,rejected=B", "how preference pairs are read, before a fit"))
    {
        Arguments.Add(_path);
        this.AddAll(CommonOptions.LlamaScope, CommonOptions.Json);
        this.AddAll(CommonOptions.Reading);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_path);
        bool json = args.GetValue(CommonOptions.Json);
        switch (Recognised.Of(path))
        {
            case PathKind.Reward: ShowReward(path, json); break;
            case PathKind.Sae: ShowSae(args, path, json); break;
            case PathKind.Model: Show(json, "Model", InspectReports.OfModel(path)); break;
            case PathKind.Tensors: Show(json, "Tensors", InspectReports.OfTensors(path)); break;
            default: ShowOther(args, path, json); break;
        }
    }

    /// <summary>What no rule knows at sight: a hub id, a folder that is broken or holds SAEs further down, or nothing.</summary>
    private void ShowOther(ParseResult args, string path, bool json)
    {
        if (!Path.Exists(path))
        {
            if (path.Count(c => c == '/') > 1) ShowSae(args, path, json);
            else Show(json, "Model", InspectReports.OfModel(ModelFolder.Resolve(path)));
        }
        else if (IsData(args, path)) ShowData(args, path, json);
        else if (File.Exists(path)) throw new ModelFormatException(path, $"is nothing that is known; looked for {Recognised.LookedFor}");
        else if (File.Exists(Path.Combine(path, "config.json")) || Directory.EnumerateFiles(path, "model*.safetensors*").Any()) Show(json, "Model", InspectReports.OfModel(path));
        else if (Recognised.HoldsData(path)) ShowData(args, path, json);
        else ShowSae(args, path, json);
    }

    private void ShowData(ParseResult args, string path, bool json)
    {
        try
        {
            Show(json, "Preference data", InspectReports.Of(DataSettings.Read(args, path, Session, limit: null)));
        }
        catch (DataFormatException error) when (error.Line == 0 && path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && !CommonOptions.Reading.Any(args.Has))
        {
            // A JSON document may be anything.
            throw new ModelFormatException(path, $"is nothing that is known: read as preference data, it {error.Problem}; looked for {Recognised.LookedFor}");
        }
    }

    // By its ending, or because options say how to read it.
    private static bool IsData(ParseResult args, string path)
    {
        if (CommonOptions.Reading.Any(args.Has)) return true;
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        return File.Exists(path) && Path.GetExtension(name).ToLowerInvariant() is ".jsonl" or ".ndjson" or ".csv" or ".tsv" or ".parquet"
            || Path.GetExtension(name).Equals(".json", StringComparison.OrdinalIgnoreCase) && Path.GetFileName(path) != "config.json";
    }

    private void ShowSae(ParseResult args, string path, bool json) =>
        Show(json, "SAE", InspectReports.Of(SaeFormatCatalog.Open(path, args.GetValue(CommonOptions.LlamaScope))));

    private void Show(bool json, string title, Report report)
    {
        if (json) Session.WriteJson(report.WriteTo);
        else Session.Tables.Write(report.ToTable(title));
    }

    private void ShowReward(string path, bool json)
    {
        var reward = RewardModelFile.Load(path);
        var shared = InspectReports.Of(reward, SafetensorsFile.Open(path).Metadata);
        if (json)
        {
            Session.WriteJson(writer => WriteReward(writer, reward, shared));
            return;
        }
        Session.Tables.Write(shared.ToTable("Reward model"));
        foreach (var component in reward.Components)
        {
            Session.Tables.Write(InspectReports.Of(component).ToTable("Component"));
            if (component.Input.Latents.Count > 0) Session.Tables.Write(LatentTables.Of(component.Input.Latents));
        }
    }

    // A single component's facts stand beside what is shared; several are named.
    private static void WriteReward(System.Text.Json.Utf8JsonWriter json, RewardModel reward, Report shared)
    {
        if (reward.Components is [var sole])
        {
            shared.Without("heads").WriteTo(json);
            InspectReports.Of(sole).WriteTo(json);
            LatentTables.WriteJson(json, sole.Input.Latents);
            return;
        }
        shared.Without("components").WriteTo(json);
        json.WriteStartArray("components");
        foreach (var component in reward.Components)
        {
            json.WriteStartObject();
            InspectReports.Of(component).WriteTo(json);
            LatentTables.WriteJson(json, component.Input.Latents);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
