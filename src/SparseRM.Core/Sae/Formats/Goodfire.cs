using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>Goodfire (one <c>.pth</c> or <c>.pt</c>, no config): <c>a = relu(x @ W' + b)</c>; the decoder's bias is not subtracted.</summary>
/// <remarks>Source: SAELens's loader <c>goodfire</c>.</remarks>
internal static class Goodfire
{
    public const string Name = "goodfire";

    public static bool Matches(TorchFile file) => file.Contains("encoder_linear.weight");

    public static SparseAutoencoder Open(TorchFile file)
    {
        var tensors = new SaeTensors(file);
        var (dSae, dIn) = tensors.SizeOf("encoder_linear.weight");
        return new SaeParts
        {
            Encoder = SaeParts.Transpose(tensors.Matrix("encoder_linear.weight", dSae, dIn)),
            Decoder = SaeParts.Transpose(tensors.Matrix("decoder_linear.weight", dIn, dSae)),
            DIn = dIn,
            DSae = dSae,
            BEnc = SaeParts.Doubles(tensors.Vector("encoder_linear.bias", dSae)),
            BDec = tensors.Vector("decoder_linear.bias", dIn),
            Activation = new SaeActivation.Relu(),
            Format = Name,
            Layer = SaeLayer.OfPath(file.Path),
        }.Build(tensors);
    }
}
