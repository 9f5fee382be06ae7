using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Core.Tests.Models;

/// <summary>Tests that set the variables of the Hugging Face cache run one after the other.</summary>
[CollectionDefinition(nameof(HubCacheCollection))]
public sealed class HubCacheCollection;

/// <summary>Hub ids of models in the local cache.</summary>
[Collection(nameof(HubCacheCollection))]
public sealed class ModelFolderTests : IDisposable
{
    private readonly TemporaryFolder _cache = new();

    public ModelFolderTests()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", null);
        Environment.SetEnvironmentVariable("HF_HOME", _cache.Path);
    }

    [Fact]
    public void A_hub_id_is_the_snapshot_of_its_main_reference()
    {
        string wanted = Snapshot("acme", "tiny", "0a1b2c");
        Snapshot("acme", "tiny", "ffff");
        Directory.CreateDirectory(_cache.File("hub", "models--acme--tiny", "refs"));
        File.WriteAllText(_cache.File("hub", "models--acme--tiny", "refs", "main"), "0a1b2c\n");
        Assert.Equal(wanted, ModelFolder.Resolve("acme/tiny"));
    }

    [Fact]
    public void A_single_snapshot_needs_no_reference() => Assert.Equal(Snapshot("acme", "one", "77"), ModelFolder.Resolve("acme/one"));

    [Fact]
    public void HF_HUB_CACHE_goes_before_HF_HOME()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", _cache.File("elsewhere"));
        string wanted = Directory.CreateDirectory(_cache.File("elsewhere", "models--acme--two", "snapshots", "1")).FullName;
        Assert.Equal(wanted, ModelFolder.Resolve("acme/two"));
    }

    [Theory]
    [InlineData("acme/absent", "hf download acme/absent")]
    [InlineData("no-such-folder", "no such folder")]
    [InlineData("../x", "no such folder")]
    [InlineData("a/b/c", "no such folder")]
    public void What_is_not_there_is_said_with_what_to_do(string model, string said)
    {
        var error = Assert.Throws<ModelFormatException>(() => ModelFolder.Resolve(model));
        Assert.Contains(said, error.Message);
    }

    [Fact]
    public void A_reference_cannot_lead_out_of_the_cache()
    {
        Directory.CreateDirectory(_cache.File("hub", "models--acme--evil", "refs"));
        File.WriteAllText(_cache.File("hub", "models--acme--evil", "refs", "main"), "../../..");
        Assert.Throws<ModelFormatException>(() => ModelFolder.Resolve("acme/evil"));
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", null);
        Environment.SetEnvironmentVariable("HF_HOME", null);
        _cache.Dispose();
    }

    private string Snapshot(string owner, string name, string commit) =>
        Directory.CreateDirectory(_cache.File("hub", $"models--{owner}--{name}", "snapshots", commit)).FullName;
}
