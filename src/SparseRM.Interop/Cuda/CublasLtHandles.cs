using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SparseRM.Interop.Cuda;

/// <summary>The results of cuBLASLt (cublasStatus_t) that are told apart here; every other one is named by the library itself.</summary>
internal enum CublasLtStatus
{
    Success = 0,
    NotSupported = 15,
}

/// <summary>An algorithm that the library proposes: cublasLtMatmulHeuristicResult_t.</summary>
[StructLayout(LayoutKind.Explicit, Size = 96)]
internal unsafe struct CublasLtHeuristic
{
    /// <summary>What cublasLtMatmul takes.</summary>
    [FieldOffset(0)]
    public fixed ulong Algorithm[8];

    /// <summary>Whether the rest means anything.</summary>
    [FieldOffset(72)]
    public CublasLtStatus State;
}

/// <summary>cuBLASLt's hold on a context.</summary>
internal sealed unsafe class CublasLtHandle(ContextHandle context, CublasLt library, nint handle) : ContextResource(context, handle)
{
    protected override CudaResult Free(CudaDriver driver, nint value) =>
        library.Destroy(value) == CublasLtStatus.Success ? CudaResult.Success : CudaResult.Unknown;
}

/// <summary>What cuBLASLt keeps on the host, in no context: the description of a product or a matrix, a preference.</summary>
internal sealed unsafe class CublasLtObject : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly delegate* unmanaged[Cdecl]<nint, CublasLtStatus> _destroy;

    /// <summary>Takes over <paramref name="value"/>.</summary>
    public CublasLtObject(nint value, delegate* unmanaged[Cdecl]<nint, CublasLtStatus> destroy) : base(true)
    {
        _destroy = destroy;
        SetHandle(value);
    }

    /// <summary>The library's pointer; not to be kept.</summary>
    public nint Value => IsClosed ? throw new ObjectDisposedException(GetType().Name) : handle;

    protected override bool ReleaseHandle() => _destroy(handle) == CublasLtStatus.Success;
}
