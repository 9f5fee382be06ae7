using SparseRM.Backends;
using SparseRM.Conformance;
using SparseRM.Interop.Cuda;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Every op once on small operands, each result with the memory around it.</summary>
internal static class Scenario
{
    private const int Around = 96;

    /// <summary>Skips a test of the mock driver where the build has no kernels, or another driver was named.</summary>
    public static void RequireKernels()
    {
        Assert.SkipUnless(
            CudaBackend.HasKernels, "this build has no CUDA kernels, since neither clang-19 nor nvcc was there; apt-get install clang-19");
        Assert.SkipUnless(MockDriver.IsInstalled, $"{CudaBackend.DriverVariable} names another driver than the mock, whose calls this test counts");
    }

    /// <summary>Opens, computes, gives everything back; the floats depend on every parameter of every plain kernel.</summary>
    public static float[] Run(string device = "cuda:0")
    {
        using var files = new WeightFiles();
        using var backend = CudaBackend.Open(device);
        foreach (var op in Enum.GetValues<OpKind>()) backend.Select(op, backend.Variants(op)[0].Name);
        backend.Select(OpKind.AddRmsNorm, "row_per_block");
        var owned = new List<IDisposable>();
        var results = new List<(DeviceBuffer Buffer, int Length)>();
        try
        {
            Compute(backend, files, owned, results, out var latents);
            var all = new List<float>();
            foreach (var (buffer, length) in results)
            {
                var values = new float[length];
                backend.Download(new Tensor(buffer, 0, 1, length, length), values);
                all.AddRange(values);
            }
            for (int row = 0; row < latents.Rows; row++) all.AddRange([latents.Indices(row).Length, .. latents.Values(row)]);
            for (int row = 0; row < latents.Rows; row++) all.AddRange([.. latents.Indices(row).ToArray().Select(index => (float)index)]);
            return [.. all];
        }
        finally
        {
            foreach (var item in owned) item.Dispose();
        }
    }

    private static void Compute(
        Backend backend, WeightFiles files, List<IDisposable> owned, List<(DeviceBuffer, int)> results, out SparseLatents latents)
    {
        var random = new Random(5);
        float[] Random(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        Tensor Marked(int rows, int columns)
        {
            int length = rows * columns + Around;
            var buffer = backend.Allocate(length);
            owned.Add(buffer);
            results.Add((buffer, length));
            backend.Upload([.. Enumerable.Repeat(7f, length)], new Tensor(buffer, 0, 1, length, length));
            return new Tensor(buffer, 0, rows, columns, columns);
        }
        Tensor Filled(int rows, int columns)
        {
            var tensor = Marked(rows, columns);
            backend.Upload(Random(rows * columns), tensor);
            return tensor;
        }
        Operand Operand(int rows, int columns) => new(Marked(rows, columns + 1).Buffer, rows, columns, DType.F32);
        T Owned<T>(T item) where T : IDisposable
        {
            owned.Add(item);
            return item;
        }

        var (a, b) = (Filled(3, 4), Filled(3, 4));
        backend.Add(a, b, Marked(3, 4));
        backend.GatherRows(a, [2, 0], Marked(2, 4));
        backend.MeanRows(a, [0, 1, 3], Marked(2, 4));
        backend.RmsNorm(Filled(3, 6), Filled(1, 2), 0.5f, 1, Marked(3, 6));
        backend.AddRmsNorm(Filled(3, 4), Filled(3, 4), Filled(1, 4), Filled(1, 4), 0.5f, 1, Operand(3, 4));
        backend.Rope(Filled(3, 8), [2, 0, 1], Filled(3, 4));
        backend.GatedActivation(Filled(3, 4), Filled(3, 4), GatedActivationKind.Silu, Operand(3, 4));
        using (var table = backend.OpenEmbedding(files.Write(Random(20), DType.F32, 5, 4))) backend.Embed(table, [4, 1, 2], 2, Marked(3, 4));
        var x = Operand(3, 4);
        backend.Pack(a, x);
        Matrix Load(int outputs) => Owned(backend.LoadMatrix([new(files.Write(Random(4 * outputs), DType.F32, outputs, 4))], DType.F32));
        backend.MatMul(x, new Product(Load(5), Filled(1, 5), Marked(3, 5)));
        backend.GatedMatMul(x, Load(4), Load(4), GatedActivationKind.Silu, Operand(3, 4));
        backend.Attention(
            Filled(3, 8), Filled(3, 4), Filled(3, 4), [0, 1, 2], [new(0, 3, 0, 0, 0, 3)], new AttentionOptions(2, 1, 4, 1, 2, 0), Operand(3, 8));
        RotateAndPack(backend, Filled(3, 64), Filled(3, 64), Filled(3, 64), Filled(3, 64), new(Marked(3, 65).Buffer, 3, 64, DType.BF16));
        var (reward, other) = (TestRewards.Of(HeadInputKind.Random, 5, 2, 3, Random), TestRewards.Of(HeadInputKind.Random, 5, 2, 3, Random));
        using (var resident = new ResidentHeads(backend, reward.Input, [reward.Head, other.Head])) backend.Score(Filled(3, 5), resident.Weights, Marked(3, 2));
        var vector = backend.LoadVector(files.Write(Random(6), DType.F32, 6));
        owned.Add(vector.Buffer);
        backend.Add(vector, vector, Marked(1, 6));
        latents = new SparseLatents();
        using var encoder = new SaeEncoder(backend, Sae(files, Random(9 * 4)), DType.F32);
        backend.SaeEncode(Filled(3, 4), encoder.Weights, latents);
        var counts = Marked(2, 9);
        backend.CountActive(Filled(3, 4), encoder.Weights, [1, 0, 0, 2, 3, 1], counts);
        Count(backend, files, Filled(3, 4), counts);
    }

    private static void RotateAndPack(Backend backend, Tensor q, Tensor k, Tensor v, Tensor cosSin, Operand y)
    {
        backend.Select(OpKind.RopeAttention, "rope_pack");
        backend.Select(OpKind.Attention, "flash");
        backend.RopeAttention(q, k, v, [2, 0, 1], [0, 1, 2], cosSin, [new(0, 3, 0, 0, 0, 3)], new AttentionOptions(1, 1, 64, 0.3f, 2, 0), y);
    }

    /// <summary>By the fused encoder, whose parts are counted as they are.</summary>
    private static void Count(Backend backend, WeightFiles files, Tensor x, Tensor counts)
    {
        backend.Select(OpKind.SaeEncode, "mma_sync");
        var weights = Enumerable.Range(0, 9 * 4).Select(i => (i % 7 - 3) / 4f).ToArray();
        using var encoder = new SaeEncoder(backend, Sae(files, weights, new SaeActivation.Relu()), DType.BF16);
        backend.CountActive(x, encoder.Weights, [1, 0, 0, 2, 3, 1], counts);
    }

    private static SparseAutoencoder Sae(WeightFiles files, float[] weights, SaeActivation? activation = null) => new()
    {
        DIn = 4, DSae = 9, Layer = 0, HookName = null, WEnc = files.Write(weights, DType.F32, 9, 4), EncoderIsTransposed = true, EncoderScale = null,
        BEnc = [.. Enumerable.Repeat(1f, 9)], WDec = files.Write(weights, DType.F32, 9, 4), DecoderIsTransposed = false, DecoderScale = null,
        BDec = new float[4], InputNorm = SaeInputNorm.None, Activation = activation ?? new SaeActivation.TopK(4), Format = "test", GatingMode = null,
        Id = "test", Notes = [],
    };
}
