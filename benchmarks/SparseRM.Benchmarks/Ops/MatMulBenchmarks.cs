using BenchmarkDotNet.Attributes;
using SparseRM.Backends;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Benchmarks.Ops;

/// <summary>The bare product, x packed inside the time. Allocated must read 0 B.</summary>
[Config(typeof(OpConfig))]
public class MatMulBenchmarks
{
    private NativeBackend _backend = null!;
    private Operands _operands = null!;
    private Matrix _w = null!;
    private Tensor _x, _y;
    private Operand _packed;

    [ParamsSource(nameof(AllShapes))] public Shape Shape { get; set; } = null!;
    [ParamsSource(nameof(AllVariants))] public string Variant { get; set; } = null!;
    [Params(DType.F32, DType.BF16)] public DType Compute { get; set; }

    public static IEnumerable<Shape> AllShapes => Shapes.MatMul;
    public static IEnumerable<string> AllVariants => Operands.Variants(OpKind.MatMul);

    [GlobalSetup]
    public void Setup()
    {
        _backend = NativeBackend.Open();
        _operands = new Operands(_backend);
        _w = _operands.Matrix(Shape.Outputs, Shape.Inputs, Compute);
        (_x, _y) = (_operands.Tensor(Shape.Rows, Shape.Inputs), _operands.Tensor(Shape.Rows, Shape.Outputs));
        _packed = _operands.Operand(Shape.Rows, Shape.Inputs, Compute);
        _backend.Select(OpKind.MatMul, "scalar");
        Run();
        var expected = Operands.Read(_backend, _y);
        _backend.Select(OpKind.MatMul, Variant);
        Run();
        Operands.Validate(expected, Operands.Read(_backend, _y), $"MatMul {Variant}");
    }

    [Benchmark]
    public void Run()
    {
        _backend.Pack(_x, _packed);
        _backend.MatMul(_packed, new Product(_w, null, _y));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _operands.Dispose();
        _backend.Dispose();
    }
}
