namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>The environment variable that names another cuBLASLt than <c>libcublasLt.so.13</c> or <c>libcublasLt.so.12</c>.</summary>
    public const string CublasLtVariable = CublasLt.Variable;

    private readonly Lazy<CublasLtSearch> _cublasLt;
    private CublasLtProducts? _cublasLtProducts;

    /// <summary>Queues y = x · wᵀ + bias by cuBLASLt, which launches what it likes, and keeps its workspace for itself.</summary>
    /// <remarks>All of the stream's work that is no <see cref="Launch"/>, copy or fill comes through here.</remarks>
    internal void QueueCublasLt(CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y)
    {
        _cublasLtProducts ??= new CublasLtProducts(_device, _arena, _cublasLt.Value.Library!);
        _cublasLtProducts.Queue(x, w, bias, y);
    }
}
