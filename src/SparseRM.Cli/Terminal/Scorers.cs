using System.CommandLine;
using SparseRM.Sae;

namespace SparseRM.Cli.Terminal;

/// <summary>Opens what <c>score</c> and <c>evaluate --reward</c> share.</summary>
internal static class Scorers
{
    /// <summary>A scorer with the SAE of <c>--sae</c>, where the user gave one.</summary>
    public static RewardScorer Open(ParseResult args, string reward, ReaderOptions options, IProgress<WorkProgress> progress, CancellationToken cancel)
    {
        var sae = args.GetValue(FitSettings.Sae) is { } named ? SaeFormatCatalog.Open(named, args.GetValue(CommonOptions.LlamaScope)) : null;
        return RewardScorer.Open(reward, options, sae, progress, cancel);
    }
}
