using SparseRM.Backends;
using SparseRM.Benchmarking;
using SparseRM.Benchmarking.Ops;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Benchmarking;

public sealed class OpRunTests
{
    public static TheoryData<string> SmallShapes => [.. OpShapes.All.Where(shape => shape.Name.StartsWith("miniworld", StringComparison.Ordinal)).Select(shape => shape.Name)];

    [Theory, MemberData(nameof(SmallShapes))]
    public void Every_variant_is_validated_and_timed_in_both_types(string name)
    {
        var shape = OpShapes.All.Single(shape => shape.Name == name);
        var result = OpBenchmark.Run(new OpBenchOptions { Shapes = [shape], Backend = "cpu", Threads = 2, Seconds = 0 });
        using var backend = BackendCatalog.Open("cpu", 1);
        var supported = backend.Variants(shape.Op).Where(variant => variant.Supported).Select(variant => variant.Name).ToArray();
        // Under each name its own kernel alone.
        var own = new[] { DType.F32, DType.BF16 }.SelectMany(type => supported, (type, name) => (type, name)).Where(pair => backend.Computing(shape.Op, pair.name, pair.type) == pair.name);
        Assert.Equal(own, result.Timings.Select(row => (row.Compute, row.Variant)));
        Assert.DoesNotContain(result.Timings, row => shape.Op == OpKind.MatMul && row.Variant.EndsWith("vnni", StringComparison.Ordinal));
        Assert.All(result.Timings, row =>
        {
            Assert.Equal((3, shape.Rows), (row.Seconds.Count, row.Rows));
            Assert.Equal(shape.Flops(shape.Rows), row.Gflops * 1e9 * row.Seconds.Median, shape.Flops(shape.Rows) * 1e-9);
            Assert.Equal(shape.IsArithmetic, row.ShareOfPeak > 0);
        });
    }

    [Fact]
    public void The_reference_can_be_timed_too()
    {
        var result = OpBenchmark.Run(new OpBenchOptions { Shapes = [OpShapes.Of(OpKind.MatMul).Last()], Backend = "reference", Types = [DType.F32], Seconds = 0 });
        Assert.Equal(("scalar", (double?)null), (Assert.Single(result.Timings).Variant, result.Timings[0].ShareOfPeak));
    }

    [Fact]
    public void A_large_shape_is_timed_on_few_rows_by_the_plain_variant()
    {
        using var backend = BackendCatalog.Open("cpu", 2);
        using var run = OpRun.Prepare(backend, new MatMulShape("tall", 400, 96, 2000), DType.F32);
        run.Select("scalar");
        run.CallSample();
        Assert.Equal((400, 4), (run.Shape.Rows, run.SampleRows));
        Assert.Equal(run.Shape.Flops(400), 100 * run.Shape.Flops(4));
    }

    [Fact]
    public void A_variant_that_is_not_there_is_refused()
    {
        using var backend = BackendCatalog.Open("cpu", 1);
        using var run = OpRun.Prepare(backend, OpShapes.Of(OpKind.MatMul).Last(), DType.F32);
        Assert.Contains("has no variant \"fastest\"", Assert.Throws<BackendException>(() => run.Select("fastest")).Message);
    }

    [Fact]
    public void Names_of_shapes_are_different() => Assert.Equal(OpShapes.All.Count, OpShapes.All.Select(shape => shape.Name).Distinct().Count());
}
