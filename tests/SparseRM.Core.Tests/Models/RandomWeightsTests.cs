using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Models;

public sealed class RandomWeightsTests
{
    private static readonly ModelConfig s_config = new()
    {
        Family = "gemma2", NLayers = 3, DModel = 32, NHeads = 4, NKvHeads = 2, DHead = 8, DMlp = 48, DVocab = 50, NCtx = 64, RmsNormEps = 1e-6f,
        RmsNormUnitOffset = true, PostNorms = true, ScaleEmbedding = true, QueryScale = 0.35f, LayerWindows = [8, 0, 8],
        Ropes = [new RopeConfig(10_000, new RopeScaling("default"))], LayerRopes = [0, 0, 0], Activation = GatedActivationKind.GeluTanh,
    };

    [Theory]
    [InlineData(DType.BF16)]
    [InlineData(DType.F32)]
    public void Bits_do_not_depend_on_how_they_are_read(DType dtype)
    {
        byte[] whole = Read(Slice("w", dtype, 1), 1 << 20), parts = Read(Slice("w", dtype, 1), 7);
        Assert.Equal(1000 * dtype.ByteSize(), whole.Length);
        Assert.Equal(whole, parts);
    }

    [Fact]
    public void Names_and_seeds_have_bits_of_their_own()
    {
        byte[] one = Read(Slice("w", DType.BF16, 1), 64);
        Assert.NotEqual(one, Read(Slice("v", DType.BF16, 1), 64));
        Assert.NotEqual(one, Read(Slice("w", DType.BF16, 2), 64));
    }

    [Fact]
    public void Numbers_are_those_of_the_formula_on_every_machine()
    {
        // By other code: bytes of SplitMix64 at the number's group, from the lowest, on 256 even steps of a uniform distribution within mean -+ sqrt(3) deviations, in BF16.
        float[] expected = [0.9140625f, 1.28125f, 1.125f, 0.9765625f, 1.296875f, 1.09375f, 0.9375f, 0.64453125f];
        Assert.Equal(expected, RandomWeights.Slice("random", "w", DType.F32, [1, 8], 1, 0.25, 3).ReadSingles());
    }

    [Fact]
    public void Numbers_have_the_mean_and_the_deviation()
    {
        float[] values = RandomWeights.Slice("random", "w", DType.F32, [200, 500], 1, 0.25, 3).ReadSingles();
        double mean = values.Average(value => (double)value), variance = values.Average(value => Math.Pow(value - mean, 2));
        Assert.Equal(1, mean, 0.01);
        Assert.Equal(0.25, Math.Sqrt(variance), 0.01);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_model_of_them_runs_and_keeps_its_size(bool gemma, bool biases)
    {
        var config = s_config with { RmsNormUnitOffset = gemma, PostNorms = gemma, ScaleEmbedding = gemma, QkvBias = biases, OutputBias = biases, QkNorm = biases };
        using var backend = new Backends.Reference.ReferenceBackend();
        using var model = TransformerModel.Open(backend, config, new RandomWeights(config, 3, 1), 2);
        using var runner = new ResidualRunner(model);
        var states = new float[5 * 32];
        backend.Download(runner.RunAllTokens(new[] { 1, 2, 3, 4, 49 }, 2), states);
        Assert.All(states, value => Assert.True(float.IsFinite(value)));
        Assert.InRange(Math.Sqrt(states.Average(value => (double)value * value)), 0.3, 10);
        Assert.Equal(DType.BF16, model.Compute);
    }

    [Fact]
    public void Seeds_are_told_apart_by_the_model_s_fingerprint()
    {
        using var backend = new Backends.Reference.ReferenceBackend();
        string Of(long seed)
        {
            using var model = TransformerModel.Open(backend, s_config, new RandomWeights(s_config, 1, seed), 0);
            return model.FingerprintOf(0);
        }
        Assert.Equal(Of(1), Of(1));
        Assert.NotEqual(Of(1), Of(2));
    }

    [Fact]
    public void What_is_not_there_is_refused()
    {
        var weights = new RandomWeights(s_config, 1, 1);
        Assert.Contains("has no tensor \"model.layers.1.mlp.up_proj.weight\"", Assert.Throws<ModelFormatException>(() => weights.Take("model.layers.1.mlp.up_proj.weight")).Message);
        Assert.Contains("F16", Assert.Throws<ArgumentException>(() => RandomWeights.Slice("random", "w", DType.F16, [1], 0, 1, 1)).Message);
        using var backend = new Backends.Reference.ReferenceBackend();
        Assert.Contains("layer 3 is out of range", Assert.Throws<ModelFormatException>(() => TransformerModel.Open(backend, s_config, weights, 3)).Message);
    }

    private static WeightSlice Slice(string name, DType dtype, long seed) => RandomWeights.Slice("random", name, dtype, [10, 100], 0, 1, seed);

    private static byte[] Read(WeightSlice slice, int step)
    {
        using var stream = slice.OpenRead();
        var bytes = new List<byte>();
        var part = new byte[step];
        for (int got; (got = stream.Read(part)) > 0;) bytes.AddRange(part.AsSpan(0, got));
        return [.. bytes];
    }
}
