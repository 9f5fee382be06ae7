using SparseRM.Backends;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    // The values of SRMK_PROBE_*, slowest instructions first.
    private static readonly (PeakKind Kind, string Name)[] s_probes =
    [
        (PeakKind.F32, "scalar"), (PeakKind.F32, "avx2"), (PeakKind.F32, "avx512"), (PeakKind.I8, "avx512_vnni"), (PeakKind.BF16, "avx512_bf16"),
        (PeakKind.Read, "l1"), (PeakKind.Read, "l2"), (PeakKind.Read, "l3"), (PeakKind.Read, "dram"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Peak> MeasurePeaks(double seconds)
    {
        var peaks = new List<Peak>();
        for (int probe = 0; probe < s_probes.Length; probe++)
        {
            var status = srmk_probe(_handle, probe, seconds, out double rate);
            if (status == SrmkStatus.Unsupported) continue;
            Check(status, nameof(MeasurePeaks));
            peaks.Add(new Peak(s_probes[probe].Kind, s_probes[probe].Name, rate));
        }
        return peaks;
    }
}
