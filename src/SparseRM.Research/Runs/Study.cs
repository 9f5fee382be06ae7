using System.Security.Cryptography;
using System.Text;
using SparseRM.Data;
using SparseRM.Fitting;

namespace SparseRM.Research.Runs;

/// <summary>Names of studies: two have the same where their runs have the same bits.</summary>
internal static class Study
{
    /// <summary>A short hash.</summary>
    public static string Hash(params IEnumerable<string> parts) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\u001f', parts))))[..16];

    /// <summary>What of a model, beside its weights, decides states.</summary>
    public static IEnumerable<string> PartsOf(Backbone backbone) =>
        [RewardTrainer.EngineVersion, backbone.Template?.Fingerprint ?? "", backbone.Tokenizer?.Fingerprint ?? "", backbone.Arithmetic];

    /// <summary>A set, with how much of it was read.</summary>
    public static IEnumerable<string> PartsOf(PreferenceSet set) => [set.DataHash, $"{set.Items.Count}"];

    /// <summary>What of a training decides bits beside loss, hidden units and threads.</summary>
    public static string PartOf(HeadTrainingOptions training) => FormattableString.Invariant(
        $"{training.Margin} {training.LearningRate} {training.WeightDecay} {training.BatchPairs} {training.MaxEpochs} {training.Patience} {training.HeldOutFraction} {training.Seed}");
}
