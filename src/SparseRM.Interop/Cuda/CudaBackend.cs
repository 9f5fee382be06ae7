using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

/// <summary>A CUDA device, through the driver alone: <c>cuda</c> or <c>cuda:N</c>.</summary>
/// <remarks>
/// <para>All work runs in one stream, so ops are done in their order and memory can be reused while work that read it is queued. Activations stay on
/// the device; what waits is what <see cref="Backend"/> says, and <see cref="CudaIndices"/> where the device is far behind.</para>
/// <para>Written against <see cref="Backend"/> in C#, not behind the C ABI of the CPU kernels: one layer less.</para>
/// <para>An error that loses the context (an illegal address) is said once with the driver's words, and every later call is refused.</para>
/// </remarks>
public sealed partial class CudaBackend : Backend
{
    /// <summary>The environment variable that names another library than <c>libcuda.so.1</c>.</summary>
    public const string DriverVariable = CudaDriver.Variable;

    /// <summary>Whether this build has kernels: it has none where neither clang-19 nor nvcc was there.</summary>
    public static bool HasKernels => CudaModules.AreInThisBuild;

    /// <summary>Bytes of one of the pinned blocks through which rows go to and from the device.</summary>
    private const int StagingBytes = 4 << 20;

    private readonly CudaDevice _device;
    private readonly CudaArena _arena;
    private readonly CudaModules _modules;
    private readonly CudaIndices _indices;
    private readonly Dictionary<OpKind, CudaVariant> _selected = [], _computed = [];
    private readonly Lock _gate = new();
    private CudaStaging? _staging;
    private bool _isDisposed;

    private CudaBackend(CudaDevice device)
    {
        _device = device;
        _arena = new CudaArena(device);
        _modules = new CudaModules(device);
        _indices = new CudaIndices(device, _arena);
        _cublasLt = new Lazy<CublasLtSearch>(() => CublasLt.Search(device.Name));
        foreach (var op in Enum.GetValues<OpKind>()) _selected[op] = CudaVariants.Of(op).Last(variant => !variant.IsByNameOnly && IsSupported(variant));
    }

    /// <summary>Opens a device.</summary>
    /// <param name="name"><c>cuda</c> (the first) or <c>cuda:N</c>.</param>
    /// <exception cref="BackendException">
    /// No driver, one older than CUDA 12.0, no such device, one that another process holds, a compute capability below 8.0, or no kernels
    /// in this build.
    /// </exception>
    /// <exception cref="BackendNameException">The name has another form.</exception>
    public static CudaBackend Open(string name = "cuda")
    {
        var device = CudaDevice.Open(name);
        var backend = new CudaBackend(device);
        try
        {
            backend._modules.Require();
            return backend;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Name => _device.Name;

    /// <inheritdoc/>
    public override string Description
    {
        get
        {
            using var call = Enter();
            int version = _device.Driver.Version;
            return $"{Name}: {_device.Model}, compute capability {_device.Capability / 10}.{_device.Capability % 10}, "
                + $"{_device.Memory().Total / 1e9:0.0} GB, driver for CUDA {version / 1000}.{version % 1000 / 10}, kernels for {_modules.Target} "
                + "(proven under emulation, not yet run on a GPU)";
        }
    }

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length)
    {
        using var call = Enter();
        if (length < 0 || length > long.MaxValue / 8) throw new BackendException(Name, $"out of memory: {length} floats were asked for");
        return new CudaBuffer(_arena.Allocate(length * sizeof(float)), length);
    }

    /// <inheritdoc/>
    public override unsafe void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        using var call = Enter();
        RequireLength(nameof(Upload), source.Length, destination);
        var to = Rows(destination);
        fixed (float* from = source)
        {
            if (to.IsDense) Staging.Upload((byte*)from, to.Pointer, to.Bytes);
            else for (int row = 0; row < to.Rows; row++) Staging.Upload((byte*)from + (long)row * to.RowBytes, to.Row(row), to.RowBytes);
        }
    }

    /// <inheritdoc/>
    public override unsafe void Download(Tensor source, Span<float> destination)
    {
        using var call = Enter();
        RequireLength(nameof(Download), destination.Length, source);
        var from = Rows(source);
        fixed (float* to = destination)
        {
            if (from.IsDense) Staging.Download(from.Pointer, (byte*)to, from.Bytes);
            else if (from.Columns > 0) Staging.DownloadRows(from.Pointer, from.RowStride * (long)sizeof(float), from.RowBytes, from.Rows, (byte*)to);
        }
        // An empty tensor too reports what went wrong before it.
        _device.Synchronize();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KernelVariant> Variants(OpKind op)
    {
        CudaVariant selected;
        lock (_gate) selected = _selected[op];
        return [.. CudaVariants.Of(op).Select(variant => new KernelVariant(
            variant.Name, IsSupported(variant), variant == selected, variant.IsProven, variant.IsBatchInvariant))];
    }

    /// <inheritdoc/>
    public override string Computed(OpKind op)
    {
        lock (_gate) return _computed.GetValueOrDefault(op, _selected[op]).Name;
    }

    /// <inheritdoc/>
    public override string Computing(OpKind op, string variant, DType compute)
    {
        const int Width = 128; // one that every kernel takes that takes the type
        string types = compute == DType.BF16 ? "bf16" : "f32";
        var variants = CudaVariants.Of(op);
        int asked = Array.FindIndex(variants, one => one.Name == variant);
        if (asked < 0 || variants[asked].Own is not null || variants[asked].Fits(types, Width)) return variant;
        return variants[..asked].LastOrDefault(one => !one.IsByNameOnly && one.Fits(types, Width))?.Name ?? variant;
    }

    /// <inheritdoc/>
    /// <remarks>Operands that a variant has no kernel for (types, widths of heads) are computed by the next slower one that has.</remarks>
    public override void Select(OpKind op, string variant)
    {
        var variants = CudaVariants.Of(op);
        if (Array.Find(variants, v => v.Name == variant && IsSupported(v)) is { } found)
        {
            lock (_gate) _selected[op] = found;
            return;
        }
        string problem = Array.Find(variants, v => v.Name == variant) switch
        {
            null => $"{op} has no variant \"{variant}\"",
            { Own: { } own } => own.Refusal(_device.Model, _device.Capability),
            { IsByCublasLt: true } => $"variant \"{variant}\" of {op} is computed by NVIDIA's cuBLASLt, and {_cublasLt.Value.Problem}",
            _ => $"{_device.Model} cannot run variant \"{variant}\" of {op}",
        };
        throw new BackendException(Name, $"{problem}; it can run: {string.Join(", ", variants.Where(IsSupported).Select(v => v.Name))}");
    }

    /// <inheritdoc/>
    /// <remarks>Waits for work that is under way. Buffers and weights may be disposed later.</remarks>
    public override void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            _device.Settle();  // queued work reads pinned memory and runs code of the modules
            _indices.Dispose();
            _staging?.Dispose();
            foreach (var copy in _copies) copy.Dispose();
            _loader?.Dispose();
            _saeEncode?.Dispose();
            _timer?.Dispose();
            _cublasLtProducts?.Dispose();
            base.Dispose();
            _modules.Dispose();
            _arena.Dispose();
            _device.Dispose();
        }
    }

    private CudaStaging Staging => _staging ??= new CudaStaging(_device, StagingBytes);

    private bool IsSupported(CudaVariant variant) =>
        (variant.Own?.RunsOn(_device.Capability) ?? true) && _device.Capability >= variant.Capability && (variant.Capability < 90 || _device.Capability == variant.Capability)
        && (!variant.IsByCublasLt || _cublasLt.Value.Library is not null);

    /// <summary>Begins an op: nobody else is inside, the backend is alive and its context current.</summary>
    private Lock.Scope Enter()
    {
        var scope = _gate.EnterScope();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _device.Enter();
            return scope;
        }
        catch
        {
            scope.Dispose();
            throw;
        }
    }

    private static void RequireLength(string op, int length, Tensor tensor)
    {
        if (length < (long)tensor.Rows * tensor.Columns) throw new ShapeMismatchException(op, $"{length} floats for the tensor {tensor}");
    }
}
