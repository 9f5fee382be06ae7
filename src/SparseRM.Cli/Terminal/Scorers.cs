using System.CommandLine;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Cli.Terminal;

/// <summary>Opens what <c>score</c> and <c>evaluate --reward</c> share.</summary>
internal static class Scorers
{
    /// <summary>A scorer with the SAE of <c>--sae</c>, where the user gave one.</summary>
    /// <exception cref="SparseRMException"><c>--layer</c> is not the reward model's.</exception>
    public static RewardScorer Open(ParseResult args, string path, BackboneOptions options, IProgress<WorkProgress> progress, CancellationToken cancel)
    {
        var sae = args.GetValue(FitSettings.Sae) is { } named ? SaeFormatCatalog.Open(named, args.GetValue(CommonOptions.LlamaScope)) : null;
        var reward = RewardModelFile.Load(path);
        int own = reward.Metadata.Identity.Layer;
        if (args.GetValue(FitSettings.Layer) is { } layer && layer != own)
            throw new SparseRMException(ErrorKind.Mismatch, $"{path}: the reward model was fitted with layer {own}, but layer {layer} was asked for; leave --layer out");
        using var backbone = RewardScorer.OpenFor(reward, options, progress, cancel);
        return backbone.Attach(path, sae);
    }
}
