using SparseRM.Backends;

namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    private CudaTimer? _timer;

    /// <summary>The variants of an op, slowest first, as they are without a device: none is supported, none selected.</summary>
    public static IReadOnlyList<KernelVariant> Table(OpKind op) =>
        [.. CudaVariants.Of(op).Select(variant => new KernelVariant(variant.Name, false, false, variant.IsProven, variant.IsBatchInvariant))];

    /// <inheritdoc/>
    /// <remarks>By events of the device, from a second-level cache that a memset has emptied.</remarks>
    public override double Time(Action call)
    {
        using (Enter()) (_timer ??= new CudaTimer(_device, _arena)).Begin();
        call();
        using (Enter()) return _timer.End();
    }

    /// <inheritdoc/>
    /// <remarks>Nominal, at once.</remarks>
    public override IReadOnlyList<Peak> MeasurePeaks(double seconds)
    {
        using var call = Enter();
        return CudaPeaks.Of(_device);
    }
}
