using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>Rows on their way from a device, to be read once and then ended, once; see <see cref="Backend.BeginDownload"/>.</summary>
/// <param name="backend">Where they are.</param>
/// <param name="source">The rows.</param>
/// <param name="copy">A copy that was enqueued; null where they are copied when they are read.</param>
public readonly struct PendingRows(Backend backend, Tensor source, IRowCopy? copy = null) : IDisposable
{
    /// <summary>Waits for what was enqueued before them, then copies the rows densely.</summary>
    /// <exception cref="Errors.BackendException">What was enqueued before them failed.</exception>
    /// <exception cref="Errors.ShapeMismatchException">The destination is too short.</exception>
    public void Read(Span<float> destination)
    {
        if (copy is null) backend.Download(source, destination);
        else copy.Read(destination);
    }

    /// <summary>Ends it; also where nothing was read.</summary>
    public void Dispose() => copy?.End();
}

/// <summary>A copy of rows to the host that was enqueued.</summary>
public interface IRowCopy
{
    /// <summary>As <see cref="PendingRows.Read"/>.</summary>
    void Read(Span<float> destination);

    /// <summary>Nobody will read it any more; its memory may serve another.</summary>
    void End();
}
