namespace SparseRM.Interop.Cuda;

/// <summary>Products by cuBLASLt on one device: its hold on the context, its workspace, and plans of the shapes that came last.</summary>
internal sealed class CublasLtProducts : IDisposable
{
    /// <summary>Shapes whose plans are kept; of a model a handful for each number of rows.</summary>
    private const int MostPlans = 64;

    private readonly CudaDevice _device;
    private readonly CublasLt _library;
    private readonly CublasLtHandle _handle;
    private readonly CudaBlock _workspace;
    private readonly Dictionary<CublasLtShape, CublasLtPlan> _plans = [];
    private readonly Queue<CublasLtShape> _order = new();

    public CublasLtProducts(CudaDevice device, CudaArena arena, CublasLt library)
    {
        (_device, _library) = (device, library);
        _handle = library.Create(device.Context);
        try
        {
            _workspace = arena.Allocate(WorkspaceBytes);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>Queues y = x · wᵀ + bias for bf16 x and w.</summary>
    public void Queue(CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y)
    {
        var shape = CublasLtShape.Of(x, w, bias, y);
        nint biasPointer = bias?.Pointer ?? 0;
        if (!_plans.TryGetValue(shape, out var plan)) plan = Add(shape, biasPointer);
        plan.Queue(_handle, x.Pointer, w.Pointer, biasPointer, y.Pointer, _workspace, _device.Stream);
    }

    /// <summary>Gives everything back; no work is under way.</summary>
    public void Dispose()
    {
        foreach (var plan in _plans.Values) plan.Dispose();
        _plans.Clear();
        _order.Clear();
        _workspace.Dispose();
        _handle.Dispose();
    }

    /// <summary>What "cuBLAS Library User Guide" recommends (cublasSetWorkspace): 32 MiB from 9.0 on, 4 MiB before.</summary>
    private long WorkspaceBytes => _device.Capability >= 90 ? 32 << 20 : 4 << 20;

    /// <summary>A new plan, for which the oldest goes where there are enough; queued work needs none of what a plan holds.</summary>
    private CublasLtPlan Add(CublasLtShape shape, nint bias)
    {
        var plan = new CublasLtPlan(_library, _handle, shape, bias, WorkspaceBytes);
        if (_order.Count == MostPlans && _plans.Remove(_order.Dequeue(), out var oldest)) oldest.Dispose();
        _plans.Add(shape, plan);
        _order.Enqueue(shape);
        return plan;
    }
}
