using SparseRM.Backends;

namespace SparseRM.Interop.Cuda;

/// <summary>What a device reaches by clock and architecture: nothing here is measured.</summary>
/// <remarks>
/// Clocks (the highest that the driver names) and widths are the driver's. Operations of a multiprocessor in a cycle are NVIDIA's, from the
/// throughput table of the "CUDA C++ Programming Guide" (F32) and the white papers of the architectures (dense BF16 with sums in F32).
/// They are the chip's: GeForce cards of 8.6 and 8.9 multiply BF16 at half of it. A clock that the driver does not tell leaves its peaks
/// out.
/// </remarks>
internal static class CudaPeaks
{
    // CU_DEVICE_ATTRIBUTE_CLOCK_RATE and MEMORY_CLOCK_RATE in kHz, GLOBAL_MEMORY_BUS_WIDTH in bits.
    private const int ClockAttribute = 13, MemoryClockAttribute = 36, BusWidthAttribute = 37;

    public static IReadOnlyList<Peak> Of(CudaDevice device)
    {
        var peaks = new List<Peak>();
        double cycles = 1e3 * device.Attribute(ClockAttribute) * device.Multiprocessors;
        if (cycles > 0 && OfCycle(device.Capability) is { } flops)
        {
            peaks.Add(new Peak(PeakKind.F32, "fma", flops.F32 * cycles, IsNominal: true));
            peaks.Add(new Peak(PeakKind.BF16, "mma", flops.BF16 * cycles, IsNominal: true));
        }
        // Two transfers a cycle on every wire of the bus.
        double bytes = 1e3 * device.Attribute(MemoryClockAttribute) * 2 * device.Attribute(BusWidthAttribute) / 8;
        if (bytes > 0) peaks.Add(new Peak(PeakKind.Read, "dram", bytes, IsNominal: true));
        return peaks;
    }

    /// <summary>Floating-point operations of a multiprocessor in a cycle; null for a capability that is not known here.</summary>
    private static (int F32, int BF16)? OfCycle(int capability) => capability switch
    {
        80 => (128, 2048),
        86 or 89 => (256, 1024),
        90 => (256, 4096),
        _ => null,
    };
}
