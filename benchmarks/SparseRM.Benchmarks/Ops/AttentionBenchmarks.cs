using BenchmarkDotNet.Attributes;
using SparseRM.Backends;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Benchmarks.Ops;

/// <summary>Causal attention of one layer of Gemma-2-2B (soft-cap 50) over 512 tokens. Allocated must read 0 B.</summary>
[Config(typeof(OpConfig))]
public class AttentionBenchmarks
{
    private static readonly AttentionOptions s_options = new(8, 4, 256, 0.0625f, 50, 4096);
    private readonly int[] _positions = [.. Enumerable.Range(0, 512)];
    private NativeBackend _backend = null!;
    private Operands _operands = null!;
    private Tensor _q, _k, _v;
    private Operand _y;

    /// <summary>q kᵀ and p v over the half of the pairs that are visible: 2 * 2 * 512 * 512 / 2 * 8 * 256 flops.</summary>
    [ParamsSource(nameof(AllShapes))] public Shape Shape { get; set; } = null!;
    [ParamsSource(nameof(AllVariants))] public string Variant { get; set; } = null!;

    public static IEnumerable<Shape> AllShapes => [new("gemma2_2b_attention_512tok", 512, 512, 8 * 256)];
    public static IEnumerable<string> AllVariants => Operands.Variants(OpKind.Attention);

    [GlobalSetup]
    public void Setup()
    {
        _backend = NativeBackend.Open();
        _operands = new Operands(_backend);
        (_q, _y) = (_operands.Tensor(512, 2048), _operands.Operand(512, 2048, DType.F32));
        (_k, _v) = (_operands.Tensor(512, 1024), _operands.Tensor(512, 1024));
        _backend.Select(OpKind.Attention, "scalar");
        Run();
        var expected = _operands.Read(_y);
        _backend.Select(OpKind.Attention, Variant);
        Run();
        Operands.Validate(expected, _operands.Read(_y), $"Attention {Variant}");
    }

    [Benchmark]
    public void Run() => _backend.Attention(_q, _k, _v, _positions, [new AttentionSegment(0, 512, 0, 0, 0, 512)], s_options, _y);

    [GlobalCleanup]
    public void Cleanup()
    {
        _operands.Dispose();
        _backend.Dispose();
    }
}
