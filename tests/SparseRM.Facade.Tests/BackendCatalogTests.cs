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
        Assert.Equal("cpu", auto.Name);
    }

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
        using var reader = ResidualReader.Open(World.Reader with { Backend = backend, Layer = 4, Compute = SparseRM.Tensors.DType.F32 });
        return reader.Read([.. World.Dialogues(World.Pairs("test", 2)).Select(reader.Encoder.Encode)]);
    }
}
