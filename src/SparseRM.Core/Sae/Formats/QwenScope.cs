using System.Globalization;
using System.Text.RegularExpressions;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>Qwen Scope (<c>SAE-Res-{model}-W{n}K-L0_{k}/layer{L}.sae.pt</c>, no config): the k greatest of <c>p = x @ W_enc' + b_enc</c>; b_dec is not subtracted.</summary>
/// <remarks>k stands only in the folder's name. Source: SAELens's loader <c>qwen_scope</c>.</remarks>
internal static partial class QwenScope
{
    public const string Name = "qwen-scope";

    public static bool Matches(TorchFile file) => file.Contains("W_enc") && file.Path.EndsWith(".sae.pt", StringComparison.Ordinal);

    public static SparseAutoencoder Open(TorchFile file)
    {
        var tensors = new SaeTensors(file);
        var (dSae, dIn) = tensors.SizeOf("W_enc");
        int k = ReadK(file.Path, dSae);
        return new SaeParts
        {
            Encoder = SaeParts.Transpose(tensors.Matrix("W_enc", dSae, dIn)),
            Decoder = SaeParts.Transpose(tensors.Matrix("W_dec", dIn, dSae)),
            DIn = dIn,
            DSae = dSae,
            BEnc = SaeParts.Doubles(tensors.Vector("b_enc", dSae)),
            BDec = tensors.Vector("b_dec", dIn),
            Activation = new SaeActivation.TopK(k),
            Format = Name,
            Layer = SaeLayer.OfPath(file.Path),
            Variant = $"{k}",
            Notes = ["Qwen Scope SAEs were trained on the base model; with an Instruct model they are a transfer."],
        }.Build(tensors);
    }

    private static int ReadK(string path, int dSae)
    {
        foreach (string part in SaeLayer.Parts(path))
        {
            if (L0().Match(part) is not { Success: true } match) continue;
            return int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int k) && k >= 1 && k <= dSae ? k
                : throw new ModelFormatException(path, $"\"{part}\" says k = {match.Groups[1].Value}, expected 1 to {dSae}");
        }
        throw new ModelFormatException(path, "has no k: Qwen Scope says it only in the repository's name, so keep the file in a folder whose name ends with L0_<k>");
    }

    [GeneratedRegex(@"(?:^|[-_])L0_([0-9]+)(?:$|[-_])", RegexOptions.CultureInvariant)]
    private static partial Regex L0();
}
