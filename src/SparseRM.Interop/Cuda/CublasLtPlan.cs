using SparseRM.Errors;

namespace SparseRM.Interop.Cuda;

/// <summary>What an algorithm is chosen for: sizes, elements from row to row, and to how many bytes the operands are aligned.</summary>
/// <remarks><paramref name="BiasAlignment"/> is zero where there is no bias.</remarks>
internal readonly record struct CublasLtShape(
    int Rows, int Inputs, int Outputs, int XStride, int WStride, int YStride,
    uint XAlignment, uint WAlignment, uint YAlignment, uint BiasAlignment)
{
    /// <summary>What cuBLASLt assumes where nothing is said; more is not asked for.</summary>
    private const int MostAlignment = 256;

    public static CublasLtShape Of(CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y) => new(
        y.Rows, w.Inputs, w.Outputs, x.RowStride, w.RowStride, y.RowStride,
        Alignment(x.Pointer), Alignment(w.Pointer), Alignment(y.Pointer), bias is { } there ? Alignment(there.Pointer) : 0);

    public override string ToString() => $"{Rows} rows of {Inputs} inputs and {Outputs} outputs";

    private static uint Alignment(nint pointer) => (uint)Math.Min(pointer & -pointer, MostAlignment);
}

/// <summary>y = x · wᵀ + bias of one shape, as cuBLASLt is to be told of it, with the algorithm that it chose.</summary>
/// <remarks>
/// The library reads memory in columns, and what lies there in rows with a stride is so read as the transpose with that leading
/// dimension: A = wᵀ [inputs, outputs], B = xᵀ [inputs, rows], D = yᵀ [outputs, rows]. Of y = x · wᵀ + bias the transpose is
/// <code>yᵀ = w · xᵀ + bias:  D = op(A) · B + bias with op(A) = Aᵀ</code>
/// where the bias has a value for each row of D, as the library wants it.
/// </remarks>
internal sealed unsafe class CublasLtPlan : IDisposable
{
    /// <summary>cublasLtMatmulDescAttributes_t.</summary>
    private const int TransposeA = 3, Epilogue = 7, BiasPointer = 8;

    /// <summary>cublasLtMatmulPreferenceAttributes_t.</summary>
    private const int MostWorkspace = 1, AlignmentOfA = 5, AlignmentOfB = 6, AlignmentOfC = 7, AlignmentOfD = 8;

    /// <summary>CUBLAS_OP_T, CUBLASLT_EPILOGUE_BIAS.</summary>
    private const int Transposed = 1, AddsBias = 4;

    private readonly CublasLt _library;
    private readonly CublasLtObject? _product, _w, _x, _y;
    private CublasLtHeuristic _algorithm;

    /// <param name="library">The library.</param>
    /// <param name="handle">Its hold on the context, which is current.</param>
    /// <param name="shape">What is to be computed.</param>
    /// <param name="bias">Where it lies, which says how it is aligned, or 0.</param>
    /// <param name="workspaceBytes">How much memory the algorithm may take for itself.</param>
    /// <exception cref="BackendException">A call fails, or the library knows no algorithm.</exception>
    public CublasLtPlan(CublasLt library, CublasLtHandle handle, CublasLtShape shape, nint bias, long workspaceBytes)
    {
        _library = library;
        try
        {
            _product = library.CreateProduct();
            SetOfProduct(TransposeA, Transposed);
            if (bias != 0)
            {
                SetOfProduct(Epilogue, AddsBias);
                SetOfProduct(BiasPointer, bias);
            }
            _w = library.CreateLayout(CublasLt.BFloat16, shape.Inputs, shape.Outputs, shape.WStride);
            _x = library.CreateLayout(CublasLt.BFloat16, shape.Inputs, shape.Rows, shape.XStride);
            _y = library.CreateLayout(CublasLt.Single, shape.Outputs, shape.Rows, shape.YStride);
            Choose(handle, shape, workspaceBytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Queues it; the operands are aligned as the shape says, the workspace has the bytes that the algorithm may take.</summary>
    public void Queue(CublasLtHandle handle, nint x, nint w, nint bias, nint y, CudaBlock workspace, nint stream)
    {
        if (bias != 0) SetOfProduct(BiasPointer, bias);
        float one = 1, zero = 0;  // in host memory, read before the call returns
        fixed (ulong* algorithm = _algorithm.Algorithm)
        {
            // C is D, and not read since its factor is zero.
            var status = _library.Multiply(
                handle.Value, _product!.Value, &one, w, _w!.Value, x, _x!.Value, &zero, y, _y!.Value, y, _y.Value,
                algorithm, workspace.Pointer, (nuint)workspace.Size, stream);
            _library.Check(status, "cublasLtMatmul");
        }
    }

    public void Dispose()
    {
        _product?.Dispose();
        _w?.Dispose();
        _x?.Dispose();
        _y?.Dispose();
    }

    /// <summary>The algorithm that the library takes to be the fastest for this shape.</summary>
    private void Choose(CublasLtHandle handle, CublasLtShape shape, long workspaceBytes)
    {
        using var preference = _library.CreatePreference();
        Set(MostWorkspace, workspaceBytes);
        Set(AlignmentOfA, shape.WAlignment);
        Set(AlignmentOfB, shape.XAlignment);
        Set(AlignmentOfC, shape.YAlignment);
        Set(AlignmentOfD, shape.YAlignment);
        int found = 0;
        fixed (CublasLtHeuristic* first = &_algorithm)
        {
            var status = _library.FindAlgorithms(
                handle.Value, _product!.Value, _w!.Value, _x!.Value, _y!.Value, _y.Value, preference.Value, 1, first, &found);
            if (status != CublasLtStatus.NotSupported) _library.Check(status, "cublasLtMatmulAlgoGetHeuristic");
        }
        if (found == 0 || _algorithm.State != CublasLtStatus.Success)
            throw _library.Failure($"cuBLASLt has no algorithm for a product of {shape}; select another variant of MatMul");

        void Set<T>(int attribute, T value) where T : unmanaged =>
            _library.Check(
                _library.SetOfPreference(preference.Value, attribute, &value, (nuint)sizeof(T)), "cublasLtMatmulPreferenceSetAttribute");
    }

    private void SetOfProduct<T>(int attribute, T value) where T : unmanaged =>
        _library.Check(_library.SetOfProduct(_product!.Value, attribute, &value, (nuint)sizeof(T)), "cublasLtMatmulDescSetAttribute");
}
