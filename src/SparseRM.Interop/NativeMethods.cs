using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace SparseRM.Interop;

/// <summary>What the native functions return.</summary>
internal enum SrmkStatus
{
    Ok = 0,
    InvalidArgument = 1,
    OutOfMemory = 2,
    Unsupported = 3,
    NonFinite = 4,
    Internal = 5,
    Busy = 6,
}

/// <summary>Mirrors srmk_tensor.</summary>
internal struct TensorDesc
{
    public nint Buffer;
    public long Offset, Rows, Columns, RowStride;
}

/// <summary>Mirrors srmk_operand.</summary>
internal struct OperandDesc
{
    public nint Buffer;
    public long Rows, Columns, Compute;
}

/// <summary>Mirrors srmk_product.</summary>
internal unsafe struct ProductDesc
{
    public nint Matrix;
    public TensorDesc* Bias;
    public TensorDesc Y;
}

/// <summary>Mirrors srmk_sae_gate.</summary>
internal unsafe struct SaeGateDesc
{
    public int Kind, K;
    public TensorDesc* Scale, Bias, Threshold, GateBias, MagnitudeScale, MagnitudeBias;
}

/// <summary>The functions of native/include/srm_kernels.h, in its order; a test compares the two. On the CPU all of them have finished on return.</summary>
internal static unsafe partial class NativeMethods
{
    public const string Library = "sparserm_kernels";

    /// <summary>The version that this assembly was written for.</summary>
    public const int AbiVersion = 5;

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_abi_version();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_tensor();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_operand();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_product();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_segment();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_attention_options();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sizeof_sae_gate();

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial byte* srmk_last_error();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_backend_open(string device, int threads, out nint backend);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void srmk_backend_close(nint backend);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_backend_describe(BackendHandle backend, byte* text, long capacity);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_buffer_alloc(BackendHandle backend, long length, out nint buffer);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void srmk_buffer_free(nint buffer);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_upload(BackendHandle backend, float* source, in TensorDesc destination);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_download(BackendHandle backend, in TensorDesc source, float* destination);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_matrix_create(BackendHandle backend, long outputs, long inputs, int compute, int storage, out nint matrix);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_matrix_pack(
        BackendHandle backend, MatrixHandle matrix, void* source, int dtype, int transposed, long outputStart, long partOutputs, long firstRow,
        long rowCount, out long badElement);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_matrix_bytes(MatrixHandle matrix);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void srmk_matrix_free(nint matrix);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_load_vector(
        BackendHandle backend, void* source, int dtype, long count, BufferHandle destination, long start, out long badElement);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void srmk_expect_pages(void* start, long bytes);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial void srmk_release_pages(void* start, long bytes);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_embed(
        BackendHandle backend, void* table, int dtype, int* ids, float scale, in TensorDesc y, out long badElement);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_rms_norm(
        BackendHandle backend, in TensorDesc x, in TensorDesc weight, float eps, float unitOffset, in TensorDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_add_rms_norm(
        BackendHandle backend, in TensorDesc residual, TensorDesc* delta, TensorDesc* deltaWeight, in TensorDesc weight, float eps, float unitOffset,
        in OperandDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_pack(BackendHandle backend, in TensorDesc x, in OperandDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_matmul(BackendHandle backend, in OperandDesc x, ProductDesc* products, long productCount);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_gated_matmul(
        BackendHandle backend, in OperandDesc x, MatrixHandle gate, MatrixHandle up, int kind, in OperandDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_rope(BackendHandle backend, in TensorDesc x, int* positions, in TensorDesc cosSin);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_attention(
        BackendHandle backend, in TensorDesc q, in TensorDesc k, in TensorDesc v, int* positions, Backends.AttentionSegment* segments,
        long segmentCount, in Backends.AttentionOptions options, in OperandDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_gated_activation(
        BackendHandle backend, in TensorDesc gate, in TensorDesc up, int kind, in OperandDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_add(BackendHandle backend, in TensorDesc a, in TensorDesc b, in TensorDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_gather_rows(BackendHandle backend, in TensorDesc x, int* rows, in TensorDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_mean_rows(BackendHandle backend, in TensorDesc x, int* starts, in TensorDesc y);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_sae_encode(BackendHandle backend, in TensorDesc x, MatrixHandle w, in SaeGateDesc gate);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial long srmk_sae_row(BackendHandle backend, long row, out int* latents, out float* values);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_score(
        BackendHandle backend, in TensorDesc z, TensorDesc* directions, in TensorDesc w1, in TensorDesc b1, in TensorDesc w2, in TensorDesc b2,
        in TensorDesc scores);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_kernel_load(string path);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_variant_count(BackendHandle backend, int op);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial byte* srmk_variant_name(BackendHandle backend, int op, int index);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_variant_supported(BackendHandle backend, int op, int index);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_variant_computing(BackendHandle backend, int op, int index, int compute);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_variant_proven(BackendHandle backend, int op, int index);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial int srmk_variant_selected(BackendHandle backend, int op);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_variant_select(BackendHandle backend, int op, int index);

    [LibraryImport(Library), UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial SrmkStatus srmk_probe(BackendHandle backend, int kind, double seconds, out double rate);
}
