using SparseRM.Backends;
using SparseRM.Conformance;
using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Products of warpgroups as the backend launches them: tensor maps, blocks of many tiles, y anywhere in memory.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class WarpgroupProductTests : IDisposable
{
    private const float Mark = -12345.678f;

    public WarpgroupProductTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
    }

    public void Dispose()
    {
        MockDriver.Set("multiprocessors", 132);
        MockDriver.Set("version", 12040);
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    /// <summary>Tiles are 128 x 256 (gated: 128 x 128), stages 64 inputs, four of them: whole ones, and one more or less of each.</summary>
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 1, 3, 3, 132 }, { 128, 64, 256, 132 }, { 127, 256, 255, 1 }, { 129, 257, 257, 1 }, { 129, 65, 520, 2 }, { 390, 330, 131, 3 },
    };

    /// <summary>Both sum over k in order under emulation; on a device the bits may differ.</summary>
    [Theory, MemberData(nameof(Shapes))]
    public void Computes_what_mma_sync_does_and_writes_nothing_else(int rows, int inputs, int outputs, int multiprocessors)
    {
        MockDriver.Set("multiprocessors", multiprocessors);
        int plain = MockDriver.Count("matmul_wgmma_tma_bf16"), gated = MockDriver.Count("gated_matmul_wgmma_tma_bf16");
        TensorAssert.SameBits(Compute("mma_sync", rows, inputs, outputs), Compute("wgmma_tma", rows, inputs, outputs));
        Assert.Equal((plain + 3, gated + 1), (MockDriver.Count("matmul_wgmma_tma_bf16"), MockDriver.Count("gated_matmul_wgmma_tma_bf16")));
    }

    [Fact]
    public void A_driver_older_than_the_fence_for_tensor_maps_is_an_error_of_this_variant_alone()
    {
        MockDriver.Set("version", 12020);
        Assert.NotEmpty(Scenario.Run());
        Assert.NotEmpty(Compute("mma_sync", 9, 40, 70));
        string message = Assert.Throws<BackendException>(() => Compute("wgmma_tma", 9, 40, 70)).Message;
        Assert.StartsWith("cuda:0: loading matmul_wgmma_tma for sm_90a: CUDA_ERROR_UNSUPPORTED_PTX_VERSION: ", message);
    }

    /// <summary>x · wᵀ dense with a bias, twice into misaligned rows with gaps, and gated; with all memory around the results.</summary>
    private static float[] Compute(string variant, int rows, int inputs, int outputs)
    {
        using var files = new WeightFiles();
        using var backend = CudaBackend.Open();
        backend.Select(OpKind.MatMul, variant);
        backend.Select(OpKind.GatedMatMul, variant);
        var random = new Random(inputs);
        float[] Random(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        using var w = backend.LoadMatrix([new(files.Write(Random(outputs * inputs), DType.BF16, outputs, inputs))], DType.BF16);
        using var up = backend.LoadMatrix([new(files.Write(Random(outputs * inputs), DType.BF16, outputs, inputs))], DType.BF16);
        using var packed = backend.Allocate(Operand.Length(rows, inputs));
        using var dense = backend.Allocate((long)rows * inputs);
        var x = new Operand(packed, rows, inputs, DType.BF16);
        var values = new Tensor(dense, 0, rows, inputs, inputs);
        backend.Upload(Random(rows * inputs), values);
        backend.Pack(values, x);
        using var bias = backend.Allocate(outputs);
        var added = new Tensor(bias, 0, 1, outputs, outputs);
        backend.Upload(Random(outputs), added);

        List<float> all = [];
        foreach (var (offset, stride) in new[] { (64, outputs), (67, outputs + 5), (66, outputs + outputs % 2 + 2) })
        {
            using var y = Marked(backend, offset + rows * stride + 64);
            backend.MatMul(x, new Product(w, offset == 64 ? added : null, new Tensor(y, offset, rows, outputs, stride)));
            all.AddRange(Read(backend, y));
        }
        using var product = Marked(backend, (int)Operand.Length(rows, outputs) + 64);
        backend.GatedMatMul(x, w, up, GatedActivationKind.Silu, new Operand(product, rows, outputs, DType.BF16));
        all.AddRange(Read(backend, product));
        return [.. all];
    }

    private static DeviceBuffer Marked(Backend backend, int length)
    {
        var buffer = backend.Allocate(length);
        backend.Upload([.. Enumerable.Repeat(Mark, length)], new Tensor(buffer, 0, 1, length, length));
        return buffer;
    }

    private static float[] Read(Backend backend, DeviceBuffer buffer)
    {
        var values = new float[buffer.Length];
        backend.Download(new Tensor(buffer, 0, 1, values.Length, values.Length), values);
        return values;
    }
}
