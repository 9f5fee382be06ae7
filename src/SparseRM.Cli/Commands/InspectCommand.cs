using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm inspect</c>: what a folder or file is, and whether it can be used.</summary>
internal sealed class InspectCommand : CliCommand
{
    private readonly Argument<string> _path = new("PATH") { Description = "a model folder or hub id, an SAE's folder or file, or a reward file" };

    public InspectCommand(Session session) : base("inspect", "Show what a model, SAE or reward file holds; it is recognised by its content", session,
        new Example("sparserm inspect google/gemma-2-2b-it", "a model"),
        new Example("sparserm inspect gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82", "an SAE"),
        new Example("sparserm inspect reward.safetensors --json", "a reward file, for a program"))
    {
        Arguments.Add(_path);
        this.AddAll(CommonOptions.LlamaScope, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_path);
        bool json = args.GetValue(CommonOptions.Json);
        if (IsReward(path)) ShowReward(RewardModelFile.Load(path), json);
        else if (IsSae(path)) Show(json, "SAE", InspectReports.Of(SaeFormatCatalog.Open(path, args.GetValue(CommonOptions.LlamaScope))));
        else Show(json, "Model", InspectReports.OfModel(ModelFolder.Resolve(path)));
    }

    private void Show(bool json, string title, Report report)
    {
        if (json) Session.WriteJson(report.WriteTo);
        else Session.Tables.Write(report.ToTable(title));
    }

    private void ShowReward(RewardModel reward, bool json)
    {
        var report = InspectReports.Of(reward);
        if (json)
        {
            Session.WriteJson(writer =>
            {
                report.WriteTo(writer);
                LatentTables.WriteJson(writer, reward.Input.Latents);
            });
            return;
        }
        Session.Tables.Write(report.ToTable("Reward model"));
        if (reward.Input.Latents.Count > 0) Session.Tables.Write(LatentTables.Of(reward.Input.Latents));
    }

    private static bool IsReward(string path) =>
        path.EndsWith(".safetensors", StringComparison.Ordinal) && File.Exists(path) && !IsNamedAsWeights(path)
            && RewardModelFile.Recognises(SafetensorsFile.Open(path));

    // What formats of SAEs call their weights; everything else is asked for its metadata.
    private static bool IsNamedAsWeights(string path) =>
        Path.GetFileName(path) is "sae_weights.safetensors" or "sae.safetensors" or "params.safetensors" or "final.safetensors";

    private static bool IsSae(string path)
    {
        if (File.Exists(path)) return true;
        if (!Directory.Exists(path)) return false;
        return File.Exists(Path.Combine(path, "config.json")) ? !ModelFolder.IsModel(path) : !Directory.EnumerateFiles(path, "model*.safetensors*").Any();
    }
}
