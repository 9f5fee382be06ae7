using SparseRM.Backends;

namespace SparseRM.Facade.Tests;

public sealed class BackendCatalogTests
{
    [Fact]
    public void Opens_every_backend_that_it_names_and_says_what_it_is()
    {
        foreach (var entry in BackendCatalog.Probe())
        {
            Assert.Contains(entry.Name, BackendCatalog.Names);
            Assert.NotEmpty(entry.Note);
            if (entry.Name == "cuda:0" && !entry.Available) continue;  // where there is no such device
            Assert.True(entry.Available, entry.Note);
            using var backend = BackendCatalog.Open(entry.Name, 1);
            Assert.Equal(entry.Name, backend.Name);
        }
        using var auto = BackendCatalog.Open();
        Assert.Equal(("cpu", "cpu"), (auto.Name, BackendCatalog.Auto));
    }

    [Fact]
    public void Kernels_are_listed_where_the_backend_opens_and_where_it_does_not()
    {
        var cpu = BackendCatalog.Kernels("cpu");
        using var backend = BackendCatalog.Open("cpu");
        Assert.Equal((true, backend.Description), (cpu.Backend.Available, cpu.Backend.Note));
        Assert.All(Enum.GetValues<OpKind>(), op => Assert.Equal(backend.Variants(op), cpu.Ops[op]));

        var missing = BackendCatalog.Kernels("cuda:4095");
        Assert.False(missing.Backend.Available);
        Assert.StartsWith("cuda:4095: ", missing.Backend.Note);
        Assert.All(Enum.GetValues<OpKind>(), op => Assert.NotEmpty(missing.Ops[op]));
        Assert.DoesNotContain(missing.Ops.SelectMany(op => op.Value), variant => variant.Supported || variant.Selected);
        Assert.Contains(missing.Ops[OpKind.MatMul], variant => variant.Name == "mma_sync");
    }

    [Theory]
    [InlineData("cuda:x", "is no device name")]
    [InlineData("tpu", "there is no such backend")]
    public void Kernels_of_what_no_name_names_are_refused(string name, string problem) =>
        World.Refuses(() => BackendCatalog.Kernels(name), name, problem);

    [Theory]
    [InlineData("cuda", true)]
    [InlineData("cuda:1", true)]
    [InlineData("ilgpu:opencl:0", true)]
    [InlineData("ilgpu:cpu", false)]
    [InlineData("auto", false)]
    public void Knows_the_names_of_GPUs(string name, bool isGpu) => Assert.Equal(isGpu, BackendCatalog.IsGpu(name));

    [Fact]
    public void Refuses_a_backend_that_is_not_in_this_build() => World.Refuses(() => BackendCatalog.Open("tpu"), "tpu", "cpu", "reference");

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void Refuses_a_number_of_threads_that_cannot_be(int threads) => World.Refuses(() => BackendCatalog.Open("cpu", threads), "cpu", "threads");

    [Fact]
    public void Both_backends_score_alike()
    {
        float[] native = States("cpu"), reference = States("reference");
        TensorAssert.Close(reference, native, 2e-5, "state after block 4");
    }

    private static float[] States(string backend)
    {
        using var backbone = Backbone.Open(World.Backbone with { Backend = backend, Compute = SparseRM.Tensors.DType.F32 }, layer: 4);
        return backbone.ReadStates([.. World.Dialogues(World.Pairs("test", 2)).Select(dialogue => World.Last(backbone, dialogue))], 4);
    }
}
