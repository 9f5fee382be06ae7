using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

/// <summary>The backend of libsparserm_kernels: the processor, with the widest instructions that it has.</summary>
/// <remarks>
/// A row's bits depend neither on the other rows nor on the number of threads. They do depend on the variants in use, which by default are the
/// last proven ones that the machine supports. An op on a disposed backend, buffer or matrix throws <see cref="ObjectDisposedException"/>,
/// and one while another thread is in an op <see cref="BackendBusyException"/>.
/// </remarks>
public sealed partial class NativeBackend : Backend
{
    internal const string BackendName = "cpu";
    private readonly BackendHandle _handle;
    private int _busy; // see Enter

    private NativeBackend(BackendHandle handle) => _handle = handle;

    /// <summary>Opens the processor.</summary>
    /// <param name="threads">Threads, the caller's included, at most 1024; 0 for one per processor that this process may run on.</param>
    /// <exception cref="BackendException">
    /// The library is missing, the number is out of range, or the system starts fewer threads.
    /// </exception>
    /// <exception cref="AbiMismatchException">The library is of another version.</exception>
    public static NativeBackend Open(int threads = 0)
    {
        NativeAbi.Require();
        Check(srmk_backend_open(BackendName, threads, out nint handle), "open");
        return new NativeBackend(new BackendHandle(handle));
    }

    /// <inheritdoc/>
    public override string Name => BackendName;

    /// <inheritdoc/>
    public override unsafe string Description
    {
        get
        {
            byte* text = stackalloc byte[256];
            Check(srmk_backend_describe(_handle, text, 256), "describe");
            return Marshal.PtrToStringUTF8((nint)text)!;
        }
    }

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length)
    {
        var status = srmk_buffer_alloc(_handle, length, out nint buffer);
        if (status == SrmkStatus.OutOfMemory) throw new BackendException(Name, $"out of memory: {length} floats were asked for");
        Check(status, nameof(Allocate));
        return new NativeBuffer(new BufferHandle(buffer), length);
    }

    /// <inheritdoc/>
    public override unsafe void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        RequireLength(nameof(Upload), source.Length, destination);
        using var to = new TensorScope(destination);
        fixed (float* from = source) Check(srmk_upload(_handle, from, to.Desc), nameof(Upload));
    }

    /// <inheritdoc/>
    public override unsafe void Download(Tensor source, Span<float> destination)
    {
        RequireLength(nameof(Download), destination.Length, source);
        using var from = new TensorScope(source);
        fixed (float* to = destination) Check(srmk_download(_handle, from.Desc, to), nameof(Download));
    }

    /// <inheritdoc/>
    public override unsafe IReadOnlyList<KernelVariant> Variants(OpKind op)
    {
        int selected = srmk_variant_selected(_handle, (int)op);
        var variants = new KernelVariant[srmk_variant_count(_handle, (int)op)];
        for (int i = 0; i < variants.Length; i++)
        {
            string name = Marshal.PtrToStringUTF8((nint)srmk_variant_name(_handle, (int)op, i))!;
            variants[i] = new KernelVariant(name, srmk_variant_supported(_handle, (int)op, i) != 0, i == selected, srmk_variant_proven(_handle, (int)op, i) != 0);
        }
        return variants;
    }

    /// <inheritdoc/>
    /// <remarks>Takes effect at the next op; matrices that were loaded before serve every variant.</remarks>
    public override void Select(OpKind op, string variant)
    {
        var variants = Variants(op);
        for (int i = 0; i < variants.Count; i++)
        {
            if (variants[i].Name != variant || !variants[i].Supported) continue;
            Check(srmk_variant_select(_handle, (int)op, i), nameof(Select));
            return;
        }
        string supported = string.Join(", ", variants.Where(v => v.Supported).Select(v => v.Name));
        string problem = variants.Any(v => v.Name == variant)
            ? $"this machine cannot run variant \"{variant}\" of {op}"
            : $"{op} has no variant \"{variant}\"";
        throw new BackendException(Name, $"{problem}; it can run: {supported}");
    }

    /// <inheritdoc/>
    public override string Computing(OpKind op, string variant, DType compute)
    {
        var variants = Variants(op);
        for (int i = 0; i < variants.Count; i++)
            if (variants[i].Name == variant) return variants[srmk_variant_computing(_handle, (int)op, i, (int)compute)].Name;
        return variant;
    }

    /// <inheritdoc/>
    public override void Dispose() => _handle.Dispose();

    private static void RequireLength(string op, int length, Tensor tensor)
    {
        if (length < (long)tensor.Rows * tensor.Columns) throw new ShapeMismatchException(op, $"{length} floats for the tensor {tensor}");
    }

    private static void Check(SrmkStatus status, string op)
    {
        if (status != SrmkStatus.Ok) Fail(status, op);
    }

    [DoesNotReturn]
    private static unsafe void Fail(SrmkStatus status, string op)
    {
        string problem = $"{op}: {Marshal.PtrToStringUTF8((nint)srmk_last_error())}";
        throw status == SrmkStatus.Busy ? new BackendBusyException(BackendName, problem) : new BackendException(BackendName, $"{problem} ({status})");
    }

    /// <summary>Begins an op of several native calls, or one that keeps something on this side: a second thread's is refused as each of the calls is.</summary>
    private Turn Enter(string op)
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
            throw new BackendBusyException(Name, $"{op}: another thread is in a call of this backend, which serves one thread at a time; open a backend for each thread, or let them take turns");
        return new Turn(this);
    }

    /// <summary>Ends it.</summary>
    private readonly ref struct Turn(NativeBackend backend) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref backend._busy, 0);
    }
}
