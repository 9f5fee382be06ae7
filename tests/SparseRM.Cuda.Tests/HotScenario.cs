using SparseRM.Backends;
using SparseRM.Conformance;
using SparseRM.Interop.Cuda;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Kernels in 16 bits on operands that end within a tile, each result with the memory around it; one part at a time.</summary>
internal sealed class HotScenario : IDisposable
{
    private const int Around = 512, DSae = 40;
    private readonly WeightFiles _files = new();
    private readonly CudaBackend _backend = CudaBackend.Open();
    private readonly List<IDisposable> _owned = [];
    private readonly List<Tensor> _results = [];
    private readonly List<float> _values = [];
    private readonly Random _random = new(5);

    /// <summary>Opens, computes, gives everything back; the floats depend on every parameter that the part's kernels read.</summary>
    public static float[] Run(string part)
    {
        using var scenario = new HotScenario();
        scenario.Compute(part);
        return scenario.Download();
    }

    public void Dispose()
    {
        foreach (var item in _owned) item.Dispose();
        _backend.Dispose();
        _files.Dispose();
    }

    private void Compute(string part)
    {
        switch (part)
        {
            case "rows":
                Rows();
                break;
            case "weights":
                Weights();
                break;
            // The inputs of products end one after a copy of 8 in a new stage: one less is seen.
            case "skinny":
                Multiply(part, 3, 257, 17);
                break;
            case "mma_sync":
            case "wgmma_tma":
                Multiply(part, 3, 65, 131);
                _backend.Select(OpKind.GatedMatMul, part);
                // One output less is a tile less of wgmma_tma, which does not look at it otherwise.
                _backend.GatedMatMul(Packed(3, 65), Load(129, 65), Load(129, 65), GatedActivationKind.Silu, Marked(3, 129, DType.BF16));
                break;
            case "flash":
                _backend.Select(OpKind.Attention, part);
                _backend.Attention(
                    Filled(5, 128), Filled(5, 64), Filled(5, 64), [0, 1, 2, 3, 4], [new(0, 5, 0, 0, 0, 5)],
                    new AttentionOptions(2, 1, 64, 0.3f, 2, 3), Marked(5, 128, DType.BF16));
                break;
            case "jump_relu":
                Encode(new SaeActivation.JumpRelu(Random(DSae, 0.2f)));
                break;
            case "gated":
                Encode(new SaeActivation.Gated(Random(DSae), Random(DSae, 1.5f), Random(DSae)));
                break;
            case "top_k":
                Encode(new SaeActivation.TopK(3));
                break;
            // More active latents than are expected of a row before any was seen: 64 and a quarter.
            case "crowded":
                Encode(new SaeActivation.Relu(), "mma_sync", 100, 50);
                break;
            case "crowded_tiled":
                Encode(new SaeActivation.Relu(), "tiled", 100, 50);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(part), part, "is no part");
        }
    }

    /// <summary>What comes before and after products, from tables and to operands of 16 bits.</summary>
    private void Rows()
    {
        foreach (var type in new[] { DType.BF16, DType.F16 })
        {
            using var table = _backend.OpenEmbedding(_files.Write(Random(20), type, 5, 4));
            _backend.Embed(table, [4, 1, 2], 2, Filled(3, 4, 6));
        }
        Packed(3, 5);
        foreach (string variant in new[] { "row_per_warp", "row_per_block" })
        {
            _backend.Select(OpKind.AddRmsNorm, variant);
            _backend.AddRmsNorm(Filled(3, 5, 6), Filled(3, 5, 7), Filled(1, 5), Filled(1, 5), 0.5f, 1, Marked(3, 5, DType.BF16));
        }
        _backend.GatedActivation(Filled(3, 5, 6), Filled(3, 5, 7), GatedActivationKind.Silu, Marked(3, 5, DType.BF16));
    }

    /// <summary>Files of every type: a vector, and matrices as they are and transposed, seen through a product.</summary>
    private void Weights()
    {
        var vector = _backend.LoadVector(_files.Write(Random(6), DType.BF16, 6));
        Own(vector.Buffer);
        _backend.Add(vector, vector, Filled(1, 6));
        _backend.Select(OpKind.MatMul, "tiled");
        // Beside one in f32 a part in bf16 is widened.
        var mixed = Own(_backend.LoadMatrix(
            [new(_files.Write(Random(35), DType.F32, 7, 5)), new(_files.Write(Random(35), DType.BF16, 5, 7), IsTransposed: true)], DType.F32));
        var widened = Marked(3, 5, DType.F32);
        _backend.Pack(Filled(3, 5), widened);
        _backend.MatMul(widened, new Product(mixed, null, Filled(3, 14)));
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            foreach (var type in new[] { DType.F32, DType.BF16, DType.F16 })
            {
                var (plain, turned) = (_files.Write(Random(35), type, 7, 5), _files.Write(Random(35), type, 5, 7));
                var w = Own(_backend.LoadMatrix([new(plain), new(turned, IsTransposed: true)], compute));
                var x = Marked(3, 5, compute);
                _backend.Pack(Filled(3, 5), x);
                _backend.MatMul(x, new Product(w, null, Filled(3, 14)));
            }
        }
    }

    private void Multiply(string variant, int rows, int inputs, int outputs)
    {
        _backend.Select(OpKind.MatMul, variant);
        _backend.MatMul(Packed(rows, inputs), new Product(Load(outputs, inputs), Filled(1, outputs), Filled(rows, outputs, outputs + 3)));
    }

    private void Encode(SaeActivation activation, string variant = "mma_sync", int dSae = DSae, float bias = 0)
    {
        const int dIn = 9;  // one more than a copy has, so that one less is seen
        var weights = _files.Write(Random(dSae * dIn), DType.F32, dSae, dIn);
        var sae = new SparseAutoencoder
        {
            DIn = dIn, DSae = dSae, Layer = 0, HookName = null, WEnc = weights, EncoderIsTransposed = true,
            EncoderScale = Random(dSae, 1.5f),
            // The first and the last latent are always active, also among the best: chunks that begin or end elsewhere are seen.
            BEnc = [40, .. Random(dSae - 2, 1 + bias), 40], WDec = weights, DecoderIsTransposed = false, DecoderScale = null,
            BDec = new float[dIn], InputNorm = SaeInputNorm.None, Activation = activation, Format = "test", GatingMode = null, Id = "test",
            Notes = [],
        };
        _backend.Select(OpKind.SaeEncode, variant);
        using var encoder = new SaeEncoder(_backend, sae, DType.BF16);
        var latents = new SparseLatents();
        _backend.SaeEncode(Filled(3, dIn), encoder.Weights, latents);
        for (int row = 0; row < latents.Rows; row++)
        {
            _values.Add(latents.Indices(row).Length);
            foreach (int index in latents.Indices(row)) _values.Add(index);
            _values.AddRange(latents.Values(row));
        }
    }

    private float[] Download()
    {
        foreach (var tensor in _results)
        {
            var values = new float[tensor.Columns];
            _backend.Download(tensor, values);
            _values.AddRange(values);
        }
        return [.. _values];
    }

    private float[] Random(int count, float least = -1) => [.. Enumerable.Range(0, count).Select(_ => least + _random.NextSingle() * 2)];

    private Matrix Load(int outputs, int inputs) =>
        Own(_backend.LoadMatrix([new(_files.Write(Random(outputs * inputs), DType.BF16, outputs, inputs))], DType.BF16));

    /// <summary>Memory that is looked at in the end, with some around.</summary>
    private DeviceBuffer Marked(long length)
    {
        int all = (int)length + Around;
        var tensor = new Tensor(Own(_backend.Allocate(all)), 0, 1, all, all);
        _backend.Upload([.. Enumerable.Repeat(7f, all)], tensor);
        _results.Add(tensor);
        return tensor.Buffer;
    }

    private Operand Marked(int rows, int columns, DType type) => new(Marked(Operand.Length(rows, columns)), rows, columns, type);

    private Tensor Filled(int rows, int columns, int? stride = null)
    {
        var tensor = new Tensor(Marked(rows * (stride ?? columns)), 0, rows, columns, stride ?? columns);
        _backend.Upload(Random(rows * columns), tensor);
        return tensor;
    }

    private Operand Packed(int rows, int columns)
    {
        var packed = Marked(rows, columns, DType.BF16);
        _backend.Pack(Filled(rows, columns, columns + 1), packed);
        return packed;
    }

    private T Own<T>(T item) where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
