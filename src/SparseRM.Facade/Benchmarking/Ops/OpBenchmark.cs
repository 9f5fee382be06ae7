using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

/// <summary>What <see cref="OpBenchmark"/> measures.</summary>
public sealed record OpBenchOptions
{
    /// <summary>Shapes of <see cref="OpShapes"/>.</summary>
    public IReadOnlyList<OpShape> Shapes { get; init; } = OpShapes.All;

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>Threads; 0 for all cores.</summary>
    public int Threads { get; init; }

    /// <summary>Types of products.</summary>
    public IReadOnlyList<DType> Types { get; init; } = [DType.F32, DType.BF16];

    /// <summary>Only the variant in use, instead of all that this machine runs.</summary>
    public bool OnlySelected { get; init; }

    /// <summary>Seconds spent on each row, at least three calls.</summary>
    public double Seconds { get; init; } = 0.3;
}

/// <summary>How fast one variant was.</summary>
/// <param name="Shape">The op and its sizes.</param>
/// <param name="Compute">Type of the products.</param>
/// <param name="Variant">The kernel.</param>
/// <param name="Rows">Rows of the timed calls: fewer than the shape's for the plain variant, whose pace is the same for any number.</param>
/// <param name="Seconds">Of each call.</param>
/// <param name="Peak">Floating-point operations a second that its instructions reach at most; null where that is not known or says nothing.</param>
public sealed record OpTiming(OpShape Shape, DType Compute, string Variant, int Rows, Timings Seconds, double? Peak)
{
    /// <summary>10^9 nominal floating-point operations a second.</summary>
    public double Gflops => Shape.Flops(Rows) / Seconds.Median / 1e9;

    /// <summary>10^9 bytes of operands a second, each counted once.</summary>
    public double GBytesPerSecond => Shape.Bytes(Rows, Compute) / Seconds.Median / 1e9;

    /// <summary>Gflops as a share of the peak.</summary>
    public double? ShareOfPeak => Gflops * 1e9 / Peak;
}

/// <summary>What <see cref="OpBenchmark"/> found.</summary>
/// <param name="Backend">Its name and description.</param>
/// <param name="Peaks">What the machine reaches at most.</param>
/// <param name="Timings">A row for each shape, type and variant.</param>
public sealed record OpBenchResult((string Name, string Description) Backend, IReadOnlyList<Peak> Peaks, IReadOnlyList<OpTiming> Timings);

/// <summary>Times every variant of the ops that matter, on named shapes, each after it agreed with the slowest.</summary>
public static class OpBenchmark
{
    private const int AtLeast = 3;

    // The plain variant has no time for all rows of a large shape; a call of fewer operations is quick on anything.
    private const string Slow = "scalar";
    private const double Small = 1e8;

    /// <summary>Measures.</summary>
    /// <param name="options">What.</param>
    /// <param name="progress">Told of the shapes done.</param>
    /// <param name="cancel">Checked between calls.</param>
    /// <exception cref="Errors.SparseRMException">The backend cannot be had, runs out of memory, or a variant computes something else than the slowest.</exception>
    public static OpBenchResult Run(OpBenchOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        using var backend = BackendCatalog.Open(options.Backend, options.Threads);
        var peaks = backend.MeasurePeaks(MachinePeaks.Seconds);
        var timings = new List<OpTiming>();
        var all = (from shape in options.Shapes from compute in options.Types select (shape, compute)).ToArray();
        for (int i = 0; i < all.Length; i++)
        {
            var (shape, compute) = all[i];
            progress?.Report(new WorkProgress("timing ops", i, all.Length));
            timings.AddRange(Time(backend, peaks, shape, compute, options, cancel));
        }
        return new OpBenchResult((backend.Name, backend.Description), peaks, timings);
    }

    private static List<OpTiming> Time(
        Backend backend, IReadOnlyList<Peak> peaks, OpShape shape, DType compute, OpBenchOptions options, CancellationToken cancel)
    {
        var variants = backend.Variants(shape.Op).Where(variant => variant.Supported).ToArray();
        string selected = variants.First(variant => variant.Selected).Name;
        using var run = OpRun.Prepare(backend, shape, compute);
        var timings = new List<OpTiming>();
        foreach (var variant in variants)
        {
            if (options.OnlySelected && variant.Name != selected) continue;
            cancel.ThrowIfCancellationRequested();
            run.Select(variant.Name);
            bool all = variant.Name != Slow || shape.Flops(shape.Rows) < Small;
            int rows = all ? shape.Rows : run.SampleRows;
            Action call = all ? run.Call : run.CallSample;
            call();
            double? peak = shape.IsArithmetic ? MachinePeaks.Of(peaks, variant.Name, compute) : null;
            timings.Add(new OpTiming(shape, compute, variant.Name, rows, Timings.Of(call, new Budget(options.Seconds, AtLeast), null, cancel), peak));
        }
        backend.Select(shape.Op, selected);
        return timings;
    }

}
