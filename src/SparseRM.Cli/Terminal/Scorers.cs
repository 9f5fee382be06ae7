using System.CommandLine;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Cli.Terminal;

/// <summary>Opens what <c>score</c> and <c>evaluate --reward</c> share.</summary>
internal static class Scorers
{
    /// <summary>A scorer with the SAE of <c>--sae</c>, where the user gave one.</summary>
    /// <param name="args">Options.</param>
    /// <param name="path">The reward file.</param>
    /// <param name="options">The model.</param>
    /// <param name="check">Refuses what the reward model cannot do, before its language model is loaded.</param>
    /// <param name="progress">Told of blocks loaded.</param>
    /// <param name="session">Hears the reward file's warnings.</param>
    /// <exception cref="SparseRMException"><c>--layer</c> is not the reward model's.</exception>
    public static RewardScorer Open(
        ParseResult args, string path, BackboneOptions options, Action<RewardModel>? check, IProgress<WorkProgress> progress, Session session)
    {
        Recognised.RefuseSwapped(options.Model, args.GetValue(FitSettings.Sae), path);
        var reward = RewardModelFile.Load(path);
        foreach (string warning in reward.Warnings) session.Warn(warning);
        check?.Invoke(reward);
        int own = reward.Metadata.Identity.Layer;
        if (args.GetValue(FitSettings.Layer) is { } layer && layer != own)
            throw new SparseRMException(ErrorKind.Mismatch, $"{path}: the reward model was fitted with layer {own}, but layer {layer} was asked for; leave --layer out");
        var mode = args.Has(CommonOptions.LlamaScope) || reward.Metadata.GatingMode != "saelens" ? args.GetValue(CommonOptions.LlamaScope) : LlamaScopeMode.SaeLens;
        var sae = args.GetValue(FitSettings.Sae) is { } named ? SaeFormatCatalog.Open(named, mode) : null;
        using var backbone = RewardScorer.OpenFor(reward, options, progress, session.Cancel);
        return backbone.Attach(path, sae);
    }
}
