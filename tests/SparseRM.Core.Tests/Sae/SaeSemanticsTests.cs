using SparseRM.Fitting;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Small numbers of the definitions that the goldens do not reach.</summary>
public sealed class SaeSemanticsTests
{
    [Fact]
    public void A_negative_threshold_of_a_cut_out_latent_is_zero()
    {
        using var tiny = new TinySae();
        tiny.Standard("params.safetensors", TensorToWrite.Singles("threshold", new[] { -5f, 2f, -0.25f }, 3));
        var gates = SaeLatentGates.Extract(tiny.Open(), [0, 1, 2])!;
        Assert.Equal([0f, 2f, 0f], gates.Threshold.ToArray());
    }

    [Fact]
    public void Layer_norm_divides_by_the_unbiased_deviation_plus_its_epsilon()
    {
        // deviation 2e-5, epsilon 1e-5: (+-1e-5 * sqrt(2)) / 3e-5
        float[] x = [1e-5f * MathF.Sqrt(2), -1e-5f * MathF.Sqrt(2)];
        var norm = SaeNorm.Apply(SaeInputNorm.LayerNorm, x);
        Assert.Equal(2e-5, norm.Factor, 1e-10);
        Assert.Equal(Math.Sqrt(2) / 3, x[0], 1e-5);
        SaeNorm.Undo(norm, x);
        Assert.Equal(1e-5 * Math.Sqrt(2) * 2 / 3, x[0], 1e-10);
    }
}
