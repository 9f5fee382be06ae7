using SparseRM.Core.Tests.Models;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Hub ids of SAEs in the local cache.</summary>
[Collection(nameof(HubCacheCollection))]
public sealed class SaeFolderTests : IDisposable
{
    private readonly TinySae _sae = new();

    public SaeFolderTests()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", null);
        Environment.SetEnvironmentVariable("HF_HOME", _sae.Path);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("HF_HOME", null);
        _sae.Dispose();
    }

    [Theory]
    [InlineData("acme/scope/layer_3/width_1k", "layer_3/width_1k", 3)]
    [InlineData("acme/scope/layer_3/width_1k/params.safetensors", "layer_3/width_1k", 3)]
    [InlineData("acme/scope", ".", null)]
    public void An_id_with_a_folder_is_that_folder_of_the_snapshot(string id, string folder, int? layer)
    {
        string file = $"hub/models--acme--scope/snapshots/77aa/{folder}/params.safetensors";
        _sae.Standard(file, TensorToWrite.Singles("threshold", new float[3], 3));
        Assert.Equal(layer, SaeFormatCatalog.Open(id).Layer);
    }

    [Fact]
    public void An_id_of_a_whole_repository_names_its_parts()
    {
        foreach (int layer in new[] { 1, 2 })
            _sae.Standard($"hub/models--acme--many/snapshots/77aa/layer_{layer}/params.safetensors", TensorToWrite.Singles("threshold", new float[3], 3));
        Assert.Contains("give one of them: layer_1, layer_2", Assert.Throws<ModelFormatException>(() => SaeFormatCatalog.Open("acme/many")).Message);
    }

    [Theory]
    [InlineData("acme/absent/layer_3", "`hf download acme/absent --include \"layer_3/*\"`")]
    [InlineData("acme/absent", "`hf download acme/absent`")]
    [InlineData("acme/../../etc", "no such file or folder")]
    [InlineData("/absent/folder", "no such file or folder")]
    [InlineData("absent", "no such file or folder")]
    public void What_is_not_there_is_said_with_what_to_do(string id, string said)
        => Assert.Contains(said, Assert.Throws<ModelFormatException>(() => SaeFolder.Resolve(id)).Message);
}
