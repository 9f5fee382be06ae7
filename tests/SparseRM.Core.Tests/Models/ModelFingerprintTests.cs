using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Models;

/// <summary>What makes another model makes another fingerprint.</summary>
public sealed class ModelFingerprintTests
{
    private static readonly string s_model = SharedData.Shipped("goldens", "models", "gemma3");

    [Fact]
    public void Every_rope_and_the_choice_of_each_layer_count()
    {
        var config = ArchitectureCatalog.Read(s_model);
        string plain = Of(config);
        Assert.Equal(plain, Of(config));
        Assert.NotEqual(plain, Of(config with { LayerRopes = [0, 1, 1, 1, 1, 0, 1] }));
        Assert.NotEqual(plain, Of(config with { Ropes = [config.Ropes[0], config.Ropes[1] with { Theta = 20000 }] }));
        Assert.NotEqual(plain, Of(config with { Ropes = [config.Ropes[0] with { Scaling = new("linear", 8) }, config.Ropes[1]] }));
        var yarn = new RopeScaling("yarn", 4, OriginalContext: 512);
        Assert.NotEqual(Yarn(config, yarn), Yarn(config, yarn with { AttentionFactor = 1.5 }));
        Assert.NotEqual(Yarn(config, yarn), Yarn(config, yarn with { BetaFast = 16 }));
    }

    [Fact]
    public void A_layer_s_window_counts_up_to_the_last_that_is_read()
    {
        var config = ArchitectureCatalog.Read(s_model);
        Assert.NotEqual(Of(config), Of(config with { LayerWindows = [16, 16, 16, 8, 16, 0, 16] }));
        Assert.Equal(Of(config), Of(config with { LayerWindows = [16, 16, 16, 16, 16, 0, 8] }));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.5)]
    [InlineData(1.0)]
    public void The_beginning_the_middle_and_the_end_of_a_tensor_count(double place)
    {
        using var copy = TemporaryFolder.CopyOf(s_model);
        string path = copy.File("model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        var slice = SafetensorsFile.Open(path).Take("model.layers.1.mlp.up_proj.weight");
        Assert.InRange(slice.ByteLength, 3 * 4096, long.MaxValue); // or the three samples would overlap
        bytes[slice.FileOffset + (long)(place * (slice.ByteLength - 2))] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.NotEqual(Of(ArchitectureCatalog.Read(s_model)), Of(ArchitectureCatalog.Read(s_model), copy.Path));
    }

    private static string Yarn(ModelConfig config, RopeScaling scaling) => Of(config with { Ropes = [config.Ropes[0] with { Scaling = scaling }, config.Ropes[1]] });

    private static string Of(ModelConfig config, string? folder = null)
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, config, WeightIndex.Open(folder ?? s_model), 5, DType.F32);
        return model.FingerprintOf(5);
    }
}
