using System.Runtime.InteropServices;
using SparseRM.Errors;
using unsafe FindAlgorithmsFunction = delegate* unmanaged[Cdecl]<
    nint, nint, nint, nint, nint, nint, nint, int, SparseRM.Interop.Cuda.CublasLtHeuristic*, int*, SparseRM.Interop.Cuda.CublasLtStatus>;
using unsafe MultiplyFunction = delegate* unmanaged[Cdecl]<
    nint, nint, float*, nint, nint, nint, nint, float*, nint, nint, nint, nint, void*, nint, nuint, nint,
    SparseRM.Interop.Cuda.CublasLtStatus>;

namespace SparseRM.Interop.Cuda;

/// <summary>What a search for cuBLASLt came to: the library, or why there is none.</summary>
internal readonly record struct CublasLtSearch(CublasLt? Library, string Problem);

/// <summary>The functions of NVIDIA's cuBLASLt that are used here, found at run time: nothing of it is needed to build or start.</summary>
/// <remarks>
/// From <c>libcublasLt.so.13</c> or <c>libcublasLt.so.12</c>, or the library that the variable <see cref="Variable"/> names (tests
/// name one that checks calls and computes on the processor). Names, numbers and structures are those of cublasLt.h of CUDA 12.4.
/// </remarks>
internal sealed unsafe class CublasLt
{
    /// <summary>The environment variable that names another library.</summary>
    public const string Variable = "SPARSERM_CUBLASLT";

    /// <summary>CUDA_R_32F, CUDA_R_16BF.</summary>
    public const int Single = 0, BFloat16 = 14;

    /// <summary>CUBLAS_COMPUTE_32F: products and sums in f32.</summary>
    private const int ComputeSingle = 68;

    private static readonly string[] s_libraries = ["libcublasLt.so.13", "libcublasLt.so.12"];
    private readonly nint _library;
    private readonly string _backend;

    private readonly delegate* unmanaged[Cdecl]<CublasLtStatus, byte*> _getStatusName, _getStatusString;
    private readonly delegate* unmanaged[Cdecl]<nint*, CublasLtStatus> _create, _createPreference;
    private readonly delegate* unmanaged[Cdecl]<nint*, int, int, CublasLtStatus> _createProduct;
    private readonly delegate* unmanaged[Cdecl]<nint*, int, ulong, ulong, long, CublasLtStatus> _createLayout;
    private readonly delegate* unmanaged[Cdecl]<nint, CublasLtStatus> _destroyProduct, _destroyLayout, _destroyPreference;

    public readonly delegate* unmanaged[Cdecl]<nint, CublasLtStatus> Destroy;
    public readonly delegate* unmanaged[Cdecl]<nint, int, void*, nuint, CublasLtStatus> SetOfProduct, SetOfPreference;

    /// <summary>Handle, product, layouts of A, B, C and D, preference, how many are wanted, where to, how many came.</summary>
    public readonly FindAlgorithmsFunction FindAlgorithms;

    /// <summary>Handle, product, alpha, A, B, beta, C, D, each matrix with its layout, algorithm, workspace and its bytes, stream.</summary>
    public readonly MultiplyFunction Multiply;

    private CublasLt(nint library, string backend)
    {
        (_library, _backend) = (library, backend);
        _getStatusName = (delegate* unmanaged[Cdecl]<CublasLtStatus, byte*>)Find("cublasLtGetStatusName");
        _getStatusString = (delegate* unmanaged[Cdecl]<CublasLtStatus, byte*>)Find("cublasLtGetStatusString");
        _create = (delegate* unmanaged[Cdecl]<nint*, CublasLtStatus>)Find("cublasLtCreate");
        Destroy = (delegate* unmanaged[Cdecl]<nint, CublasLtStatus>)Find("cublasLtDestroy");
        _createProduct = (delegate* unmanaged[Cdecl]<nint*, int, int, CublasLtStatus>)Find("cublasLtMatmulDescCreate");
        SetOfProduct = (delegate* unmanaged[Cdecl]<nint, int, void*, nuint, CublasLtStatus>)Find("cublasLtMatmulDescSetAttribute");
        _destroyProduct = (delegate* unmanaged[Cdecl]<nint, CublasLtStatus>)Find("cublasLtMatmulDescDestroy");
        _createLayout = (delegate* unmanaged[Cdecl]<nint*, int, ulong, ulong, long, CublasLtStatus>)Find("cublasLtMatrixLayoutCreate");
        _destroyLayout = (delegate* unmanaged[Cdecl]<nint, CublasLtStatus>)Find("cublasLtMatrixLayoutDestroy");
        _createPreference = (delegate* unmanaged[Cdecl]<nint*, CublasLtStatus>)Find("cublasLtMatmulPreferenceCreate");
        SetOfPreference =
            (delegate* unmanaged[Cdecl]<nint, int, void*, nuint, CublasLtStatus>)Find("cublasLtMatmulPreferenceSetAttribute");
        _destroyPreference = (delegate* unmanaged[Cdecl]<nint, CublasLtStatus>)Find("cublasLtMatmulPreferenceDestroy");
        FindAlgorithms = (FindAlgorithmsFunction)Find("cublasLtMatmulAlgoGetHeuristic");
        Multiply = (MultiplyFunction)Find("cublasLtMatmul");
    }

    /// <summary>Looks for the library and its functions.</summary>
    /// <param name="backend">The backend that is asked, for messages.</param>
    public static CublasLtSearch Search(string backend)
    {
        string? named = Environment.GetEnvironmentVariable(Variable);
        bool isNamed = !string.IsNullOrEmpty(named);
        foreach (string path in isNamed ? [named!] : s_libraries)
        {
            if (!NativeLibrary.TryLoad(path, out nint library)) continue;
            try
            {
                return new(new CublasLt(library, backend), "");
            }
            catch (EntryPointNotFoundException missing)
            {
                NativeLibrary.Free(library);
                return new(null, $"{path} has no function {missing.Message}");
            }
        }
        return new(null, isNamed
            ? $"{named} (named by {Variable}) cannot be opened"
            : $"neither {string.Join(" nor ", s_libraries)} can be opened; install it, or name it by {Variable}");
    }

    /// <summary>The library's hold on a context, which is current.</summary>
    public CublasLtHandle Create(ContextHandle context)
    {
        nint handle;
        Check(_create(&handle), "cublasLtCreate");
        return new CublasLtHandle(context, this, handle);
    }

    /// <summary>A product of f32 sums, D = alpha op(A) op(B) + beta C.</summary>
    public CublasLtObject CreateProduct()
    {
        nint product;
        Check(_createProduct(&product, ComputeSingle, Single), "cublasLtMatmulDescCreate");
        return new CublasLtObject(product, _destroyProduct);
    }

    /// <summary>A matrix in columns of <paramref name="rows"/> elements, with <paramref name="stride"/> from column to column.</summary>
    public CublasLtObject CreateLayout(int type, int rows, int columns, int stride)
    {
        nint layout;
        Check(_createLayout(&layout, type, (ulong)rows, (ulong)columns, stride), "cublasLtMatrixLayoutCreate");
        return new CublasLtObject(layout, _destroyLayout);
    }

    /// <summary>What is asked of an algorithm.</summary>
    public CublasLtObject CreatePreference()
    {
        nint preference;
        Check(_createPreference(&preference), "cublasLtMatmulPreferenceCreate");
        return new CublasLtObject(preference, _destroyPreference);
    }

    /// <summary>Throws the library's own name and text of an error.</summary>
    public void Check(CublasLtStatus status, string call)
    {
        if (status == CublasLtStatus.Success) return;
        throw Failure($"{call}: {Text(_getStatusName(status))} ({(int)status}): {Text(_getStatusString(status))}");

        static string? Text(byte* words) => Marshal.PtrToStringUTF8((nint)words);
    }

    /// <summary>A failure on the backend that asked for the library.</summary>
    public BackendException Failure(string problem) => new(_backend, problem);

    private nint Find(string function) =>
        NativeLibrary.TryGetExport(_library, function, out nint address) ? address : throw new EntryPointNotFoundException(function);
}
