using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>An SAE with given encoder weights and nothing else of interest.</summary>
internal static class PlainSae
{
    public static SparseAutoencoder Of(Rig rig, int dIn, int dSae, SaeActivation activation, float[] weights) => new()
    {
        DIn = dIn,
        DSae = dSae,
        Layer = 0,
        HookName = null,
        WEnc = rig.Files.Write(weights, DType.F32, dSae, dIn),
        EncoderIsTransposed = true,
        EncoderScale = null,
        BEnc = new float[dSae],
        WDec = rig.Files.Write(weights, DType.F32, dSae, dIn),
        DecoderIsTransposed = false,
        DecoderScale = null,
        BDec = new float[dIn],
        InputNorm = SaeInputNorm.None,
        Activation = activation,
        Format = "test",
        GatingMode = null,
        Id = "test",
        Notes = [],
    };
}
