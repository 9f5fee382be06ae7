using ILGPU;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Ops;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu;

/// <summary>Every op as ILGPU kernels in safe C#, on a CUDA or OpenCL device or on ILGPU's CPU accelerator.</summary>
/// <remarks>
/// A row's bits depend neither on the other rows nor on the number of threads; they do depend on the variants in use. The CPU accelerator is for
/// tests of the kernels: one group at a time on each thread. Only there have they run; on a GPU, never.
/// </remarks>
public sealed partial class IlgpuBackend : Backend
{
    // The table is the same on every device; this one opens anywhere.
    private static readonly Lazy<Dictionary<OpKind, KernelVariant[]>> s_table = new(() =>
    {
        using var backend = Open("ilgpu:cpu", 1);
        return backend._variants.ToDictionary(
            op => op.Key, op => op.Value.List.Select(variant => variant with { Supported = false, Selected = false }).ToArray());
    });

    private readonly IlgpuDevice _device;
    private readonly Elementwise _elementwise;
    private readonly RowOps _rowOps;
    private readonly RmsNorm _rmsNorm;
    private readonly MatMul _matMul;
    private readonly GatedMatMul _gatedMatMul;
    private readonly Transpose _transpose;
    private readonly Rope _rope;
    private readonly Attention _attention;
    private readonly GatedActivation _gatedActivation;
    private readonly SaeEncode _saeEncode;
    private readonly Score _score;
    private readonly Scratch<int> _ints;
    private readonly Dictionary<OpKind, IVariants> _variants;

    private IlgpuBackend(IlgpuDevice device)
    {
        _device = device;
        (_elementwise, _rowOps, _rmsNorm, _matMul) = (new(device), new(device), new(device), new(device));
        (_rope, _attention, _gatedActivation, _transpose) = (new(device), new(device), new(device), new(device));
        (_saeEncode, _ints, _embedded) = (new(device, _matMul, _elementwise), new(device), new(device));
        (_gatedMatMul, _score) = (new(device), new(device));
        _variants = new IVariants[]
        {
            _elementwise.Add, _elementwise.Pack, _elementwise.Embed, _rowOps.Gather, _rowOps.Mean, _rmsNorm.Variants, _rmsNorm.AddVariants,
            _matMul.Variants, _gatedMatMul.Variants, _rope.Variants, _attention.Variants, _gatedActivation.Variants, _saeEncode.Variants,
            _saeEncode.CountVariants, _score.Variants, VariantTable.One(device, OpKind.RopeAttention, "composed", true),
        }.ToDictionary(table => table.Op);
    }

    /// <summary>The names that <see cref="Open"/> takes, with the first device of each kind.</summary>
    public static IReadOnlyList<string> Names { get; } = ["ilgpu:cpu", "ilgpu:cuda:0", "ilgpu:opencl:0"];

    /// <summary>The variants of an op, slowest first, as they are without a device: none is supported, none selected.</summary>
    public static IReadOnlyList<KernelVariant> Table(OpKind op) => s_table.Value[op];

    /// <summary>Opens a device.</summary>
    /// <param name="name"><c>ilgpu:cpu</c>, <c>ilgpu:cuda:N</c> or <c>ilgpu:opencl:N</c>.</param>
    /// <param name="threads">Groups that <c>ilgpu:cpu</c> runs at once; 0 for one a processor. Changes no bit of any result.</param>
    /// <param name="lanes">
    /// Lanes of a group on <c>ilgpu:cpu</c>, a power of two up to 256: more than one is slow and shows what only happens between lanes.
    /// </param>
    /// <exception cref="BackendNameException">The name has another form.</exception>
    /// <exception cref="BackendException">There is no such device; says what was looked for and what was found.</exception>
    public static IlgpuBackend Open(string name, int threads = 0, int lanes = 1) => new(new IlgpuDevice(DeviceName.Parse(name), threads, lanes));

    /// <inheritdoc/>
    public override string Name => $"{_device.Name}";

    /// <inheritdoc/>
    public override string Description => _device.IsCpu
        ? $"{Name}: ILGPU's CPU accelerator, {_device.Accelerator.NumMultiprocessors} threads; for tests of the kernels, which have never run on a GPU"
        : $"{Name}: {_device.Accelerator.Name}{_device.By}, {_device.Accelerator.MemorySize >> 20} MiB; these kernels have never been seen to run on a GPU";

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length) => new IlgpuBuffer(_device, length);

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        RequireLength(nameof(Upload), source.Length, destination);
        var (rows, columns) = (destination.On(), destination.Columns);
        if (IsDense(destination)) _device.Upload(source[..(destination.Rows * columns)], rows.Data);
        else for (int i = 0; i < destination.Rows; i++) _device.Upload(source.Slice(i * columns, columns), rows.Row(i, columns));
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, Span<float> destination)
    {
        RequireLength(nameof(Download), destination.Length, source);
        var (rows, columns) = (source.On(), source.Columns);
        if (IsDense(source)) _device.Download(rows.Data, destination[..(source.Rows * columns)]);
        else for (int i = 0; i < source.Rows; i++) _device.Download(rows.Row(i, columns), destination.Slice(i * columns, columns));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KernelVariant> Variants(OpKind op) => _variants[op].List;

    /// <inheritdoc/>
    public override string Computed(OpKind op) => op switch
    {
        OpKind.MatMul => _matMul.Computed,
        OpKind.GatedMatMul => _gatedMatMul.Computed,
        _ => base.Computed(op),
    };

    /// <inheritdoc/>
    public override string Computing(OpKind op, string variant, DType compute) =>
        op is OpKind.MatMul or OpKind.GatedMatMul && variant == "mma_sync" && compute != DType.BF16 ? "tiled" : variant;

    /// <inheritdoc/>
    /// <remarks>Takes effect at the next op; matrices that were loaded before serve every variant.</remarks>
    public override void Select(OpKind op, string variant) => _variants[op].Select(variant);

    /// <inheritdoc/>
    /// <remarks>
    /// By the clock of the host on the CPU accelerator, whose kernels have ended when their launch returns; else between ILGPU's profiling
    /// markers, after a memset that empties the second-level cache.
    /// </remarks>
    public override double Time(Action call) => _device.IsCpu ? base.Time(call) : _device.Time(call);

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var owned in new IDisposable[] { _attention, _saeEncode, _score, _transpose, _ints, _embedded }) owned.Dispose();
        base.Dispose();
        _device.Dispose();
    }

    private static bool IsDense(Tensor tensor) => tensor.RowStride == tensor.Columns || tensor.Rows <= 1;

    private static void RequireLength(string op, int length, Tensor tensor)
    {
        if (length < (long)tensor.Rows * tensor.Columns) throw new ShapeMismatchException(op, $"{length} floats for the tensor {tensor}");
    }
}
