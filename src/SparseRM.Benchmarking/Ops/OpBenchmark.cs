using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

/// <summary>What <see cref="OpBenchmark"/> measures.</summary>
public sealed record OpBenchOptions
{
    /// <summary>Shapes of <see cref="OpShapes"/>.</summary>
    public IReadOnlyList<OpShape> Shapes { get; init; } = OpShapes.Choose(null, null, "auto");

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>Threads; 0 for all cores.</summary>
    public int Threads { get; init; }

    /// <summary>Types of products.</summary>
    public IReadOnlyList<DType> Types { get; init; } = [DType.F32, DType.BF16];

    /// <summary>Only the variant in use, instead of all that this machine runs.</summary>
    public bool OnlySelected { get; init; }

    /// <summary>For an op, one variant instead of all that this machine runs.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants { get; init; } = new Dictionary<OpKind, string>();

    /// <summary>Seconds spent on each row at most, at least three calls.</summary>
    public double Seconds { get; init; } = 0.3;

    /// <summary>A row ends early where half the interval of its median is at most this share of it; 0 for never.</summary>
    public double Spread { get; init; }

    /// <summary>Whether the processor's caches are emptied before each call.</summary>
    public bool Cold { get; init; }

    /// <summary>A row that was timed before, which is then taken over; null for none.</summary>
    public Func<OpShape, DType, string, OpTiming?> Known { get; init; } = (_, _, _) => null;

    /// <summary>Told of each row that was timed, when it is.</summary>
    public Action<OpTiming> Timed { get; init; } = _ => { };
}

/// <summary>How far what was computed lies from the reference at most, over all elements that were compared.</summary>
/// <param name="Absolute">|found - expected|.</param>
/// <param name="Relative">The same over |expected|, or over 1e-8 where that is less.</param>
public readonly record struct OpError(double Absolute, double Relative);

/// <summary>How fast one variant was.</summary>
/// <param name="Shape">The op and its sizes.</param>
/// <param name="Compute">Type of the products.</param>
/// <param name="Variant">The kernel.</param>
/// <param name="Rows">Rows of the timed calls: fewer than the shape's for a slow variant, whose pace is the same for any number.</param>
/// <param name="Seconds">Of each call, by the backend's own clock (<see cref="Backend.Time"/>).</param>
/// <param name="Peak">Operations a second that its instructions reach at most; null where that is not known or says nothing.</param>
/// <param name="Memory">Bytes a second that come from memory at most; null where that is not known.</param>
/// <param name="Nearest">Bytes a second that come from the nearest cache at most; null likewise.</param>
public sealed record OpTiming(OpShape Shape, DType Compute, string Variant, int Rows, Timings Seconds, double? Peak, double? Memory = null, double? Nearest = null)
{
    // Clocks rise and fall a little between a measurement of the peak and of the op.
    private const double Doubtful = 0.95;

    /// <summary>Of what was timed last.</summary>
    public OpError Error { get; init; }

    /// <summary>Seconds below which no call can end, by the arithmetic of its instructions and by the bytes that even the nearest cache must give.</summary>
    public double Floor => Math.Max(Shape.Flops(Rows) / Peak ?? 0, Shape.Bytes(Rows, Compute) / Nearest ?? 0);

    /// <summary>Whether it took less time than can be: then the clock, the op or the peak is wrong, and the row says nothing.</summary>
    public bool IsUnderFloor => Seconds.Median < Doubtful * Floor;

    /// <summary>What the roof would take, arithmetic or each byte once from memory, as a share of what was taken; above 1 where operands stayed in a cache.</summary>
    public double? ShareOfRoof => Math.Max(Shape.Flops(Rows) / Peak ?? 0, Shape.Bytes(Rows, Compute) / Memory ?? 0) is > 0 and var roof ? roof / Seconds.Median : null;

    /// <summary>10^9 nominal floating-point operations a second.</summary>
    public double Gflops => Shape.Flops(Rows) / Seconds.Median / 1e9;

    /// <summary>10^9 bytes of operands a second, each counted once.</summary>
    public double GBytesPerSecond => Shape.Bytes(Rows, Compute) / Seconds.Median / 1e9;

    /// <summary>Gflops as a share of the peak.</summary>
    public double? ShareOfPeak => Gflops * 1e9 / Peak;
}

/// <summary>A variant that was never proven and did not get as far as being timed.</summary>
/// <param name="Shape">The op and its sizes.</param>
/// <param name="Compute">Type of the products.</param>
/// <param name="Variant">The kernel.</param>
/// <param name="Problem">What the backend said.</param>
public sealed record UntimedVariant(OpShape Shape, DType Compute, string Variant, string Problem);

/// <summary>What <see cref="OpBenchmark"/> found.</summary>
/// <param name="Backend">Its name and description.</param>
/// <param name="Peaks">What the machine reaches at most.</param>
/// <param name="Timings">A row for each shape, type and variant.</param>
/// <param name="NotTimed">Variants that do not take the operands, and unproven ones that failed or computed something else than the reference.</param>
public sealed record OpBenchResult(
    (string Name, string Description) Backend, IReadOnlyList<Peak> Peaks, IReadOnlyList<OpTiming> Timings,
    IReadOnlyList<UntimedVariant> NotTimed)
{
    /// <summary>Share of the machine's processors that other programs took meanwhile.</summary>
    public double LoadOfOthers { get; init; }
}

/// <summary>Times every variant of the ops that matter, on named shapes, each after it agreed with the reference.</summary>
public static class OpBenchmark
{
    private const int AtLeast = 3;

    // The plain variant, and any on the device that only emulates, has no time for all rows of a large shape, and the same pace on a few.
    // Told by name, so that two runs time the same work. A call of fewer operations is quick on anything.
    private const string Plain = "scalar", Emulated = "ilgpu:cpu";
    private const double Small = 1e8;

    /// <summary>Measures.</summary>
    /// <param name="options">What.</param>
    /// <param name="progress">Told of the shapes done.</param>
    /// <param name="cancel">Checked between calls.</param>
    /// <exception cref="SparseRMException">
    /// The backend is not available, runs out of memory, or a proven variant computes something else than the reference.
    /// </exception>
    public static OpBenchResult Run(OpBenchOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        using var backend = BackendCatalog.Open(options.Backend, options.Threads);
        var load = new MachineLoad();
        var peaks = backend.MeasurePeaks(MachinePeaks.Seconds);
        var result = new OpBenchResult((backend.Name, backend.Description), peaks, [], []);
        // An SAE encodes in f32 or bf16.
        var all = (from shape in options.Shapes from compute in options.Types where shape is not SaeEncodeShape || compute != DType.I8 select (shape, compute)).ToArray();
        for (int i = 0; i < all.Length; i++)
        {
            var (shape, compute) = all[i];
            progress?.Report(new WorkProgress("timing ops", i, all.Length));
            var variants = Asked(backend, shape.Op, compute, options);
            OpTiming?[] known = [.. variants.Select(variant => options.Known(shape, compute, variant.Name))];
            if (known.All(row => row is not null))
            {
                result = result with { Timings = [.. result.Timings, .. known.Select(row => row!)] };
                continue;
            }
            using var run = OpRun.Prepare(backend, shape, compute);
            result = Time(backend, run, variants, result, options, cancel);
        }
        return result with { LoadOfOthers = load.OfOthers() };
    }

    /// <summary>What would be timed: each shape in each type by each variant.</summary>
    /// <exception cref="SparseRMException">The backend is not available.</exception>
    public static IReadOnlyList<(OpShape Shape, DType Compute, string Variant)> Plan(OpBenchOptions options)
    {
        using var backend = BackendCatalog.Open(options.Backend, 1);
        return [.. from shape in options.Shapes
            from compute in options.Types
            where shape is not SaeEncodeShape || compute != DType.I8
            from variant in Asked(backend, shape.Op, compute, options)
            where backend.Computing(shape.Op, variant.Name, compute) == variant.Name
            select (shape, compute, variant.Name)];
    }

    /// <summary>The one that was asked for by name, or all that have kernels for the type: others would be timed under another's name.</summary>
    private static KernelVariant[] Asked(Backend backend, OpKind op, DType compute, OpBenchOptions options)
    {
        var variants = backend.Variants(op).Where(variant => variant.Supported).ToArray();
        string? only = options.OnlySelected ? backend.Computing(op, variants.First(variant => variant.Selected).Name, compute) : options.Variants.GetValueOrDefault(op);
        return [.. variants.Where(variant => only is null ? backend.Computing(op, variant.Name, compute) == variant.Name : variant.Name == only)];
    }

    private static OpBenchResult Time(
        Backend backend, OpRun run, KernelVariant[] variants, OpBenchResult result, OpBenchOptions options, CancellationToken cancel)
    {
        string selected = backend.Variants(run.Shape.Op).First(variant => variant.Selected).Name;
        var (timings, notTimed) = (result.Timings.ToList(), result.NotTimed.ToList());
        foreach (var variant in variants)
        {
            if (options.Known(run.Shape, run.Compute, variant.Name) is { } known)
            {
                timings.Add(known);
                continue;
            }
            cancel.ThrowIfCancellationRequested();
            try
            {
                string computed = backend.Computing(run.Shape.Op, variant.Name, run.Compute);
                if (computed == variant.Name)
                {
                    run.Select(variant.Name, onSample: IsSlow(backend, run.Shape, variant.Name));
                    computed = backend.Computed(run.Shape.Op);
                }
                if (computed != variant.Name)
                    notTimed.Add(new UntimedVariant(run.Shape, run.Compute, variant.Name, $"{variant.Name} does not take these operands; {computed} computes them"));
                else
                {
                    timings.Add(Time(backend, run, variant.Name, result.Peaks, options, cancel));
                    options.Timed(timings[^1]);
                }
            }
            catch (BackendException error) when (!variant.Proven)
            {
                notTimed.Add(new UntimedVariant(run.Shape, run.Compute, variant.Name, error.Message));
            }
        }
        backend.Select(run.Shape.Op, selected);
        return result with { Timings = timings, NotTimed = notTimed };
    }

    private static OpTiming Time(
        Backend backend, OpRun run, string variant, IReadOnlyList<Peak> peaks, OpBenchOptions options, CancellationToken cancel)
    {
        var shape = run.Shape;
        bool isSlow = IsSlow(backend, shape, variant);
        Action call = isSlow ? run.CallSample : run.Call;
        backend.Time(call);
        double? peak = shape.IsArithmetic ? MachinePeaks.Of(peaks, variant, run.Compute) : null;
        Func<Action, double> time = !options.Cold ? backend.Time : timed =>
        {
            MachineCaches.Flush();
            return backend.Time(timed);
        };
        var timings = Timings.Of(call, new Budget(options.Seconds, AtLeast, Spread: options.Spread), null, cancel, time);
        // What was timed last is still right.
        run.Verify(variant, isSlow);
        return new OpTiming(shape, run.Compute, variant, isSlow ? run.SampleRows : shape.Rows, timings, peak,
            MachinePeaks.Reads(peaks, "dram"), MachinePeaks.Reads(peaks, "l1"))
        { Error = run.Error };
    }

    private static bool IsSlow(Backend backend, OpShape shape, string variant) =>
        shape.Flops(shape.Rows) >= Small && (variant == Plain || backend.Name == Emulated);
}
