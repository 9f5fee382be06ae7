using BenchmarkDotNet.Attributes;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Tensors;

namespace SparseRM.Benchmarks.Ops;

/// <summary>Every variant of an op but the plain one on every shape of <see cref="OpShapes"/>, each validated before it is timed.</summary>
[Config(typeof(OpConfig))]
public abstract class OpBenchmarks(OpKind op)
{
    private Backend _backend = null!;
    private OpRun _run = null!;

    [ParamsSource(nameof(Shapes))] public OpShape Shape { get; set; } = null!;
    [ParamsSource(nameof(Variants))] public string Variant { get; set; } = null!;
    [Params(DType.F32, DType.BF16)] public DType Compute { get; set; }

    public IEnumerable<OpShape> Shapes => OpShapes.Choose(null, op, "cpu");

    public IEnumerable<string> Variants
    {
        get
        {
            using var backend = BackendCatalog.Open("cpu", 1);
            return [.. backend.Variants(op).Where(variant => variant is { Supported: true, Name: not "scalar" }).Select(variant => variant.Name)];
        }
    }

    [GlobalSetup]
    public void Setup()
    {
        _backend = BackendCatalog.Open("cpu");
        _run = OpRun.Prepare(_backend, Shape, Compute);
        _run.Select(Variant);
    }

    [Benchmark] public void Run() => _run.Call();

    [GlobalCleanup]
    public void Cleanup()
    {
        _run.Dispose();
        _backend.Dispose();
    }
}

/// <summary>The bare product of an operand.</summary>
public class MatMulBenchmarks() : OpBenchmarks(OpKind.MatMul);

/// <summary>Gate, up and activation as one.</summary>
public class GatedMatMulBenchmarks() : OpBenchmarks(OpKind.GatedMatMul);

/// <summary>Causal attention, with and without a soft-cap.</summary>
public class AttentionBenchmarks() : OpBenchmarks(OpKind.Attention);

/// <summary>The norm of a branch, its addition, and the next norm.</summary>
public class AddRmsNormBenchmarks() : OpBenchmarks(OpKind.AddRmsNorm);

/// <summary>Sparse latents of 16k and 131k.</summary>
public class SaeEncodeBenchmarks() : OpBenchmarks(OpKind.SaeEncode);
