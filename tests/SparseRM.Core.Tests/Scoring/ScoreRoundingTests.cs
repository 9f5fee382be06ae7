using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Scoring;

public sealed class ScoreRoundingTests
{
    /// <summary>By hand, after 5 blocks of 10 tokens: a block's sums have lengths 4 * 32 + 8 + 10 + 4 * 8 + 48 = 226, and err by u sqrt(226).</summary>
    [Fact]
    public void An_error_grows_with_the_root_of_the_summed_lengths()
    {
        var config = new ModelConfig
        {
            Family = "gemma2", NLayers = 6, DModel = 32, NHeads = 4, NKvHeads = 2, DHead = 8, DMlp = 48, DVocab = 50, NCtx = 64, RmsNormEps = 1e-6f,
            RmsNormUnitOffset = true, PostNorms = true, ScaleEmbedding = true, QueryScale = 0.35f, LayerWindows = [0, 0, 0, 0, 0, 0],
            Ropes = [new RopeConfig(10_000, new RopeScaling("default"))], LayerRopes = [0, 0, 0, 0, 0, 0], Activation = GatedActivationKind.GeluTanh,
        };
        double f32 = ScoreRounding.RelativeError(config, 5, 10, DType.F32), bf16 = ScoreRounding.RelativeError(config, 5, 10, DType.BF16);
        Assert.Equal(Math.Sqrt(2 * 5 * 226) * Math.Pow(2, -24), f32, 1e-12);
        // Eight operands of a block, each rounded to steps of 2^-8, of which a rounding errs by sqrt(1/12) step, twice.
        Assert.Equal(Math.Sqrt(2 * 5 * 8 / 3.0) * Math.Pow(2, -9), bf16, 1e-6);
    }
}
