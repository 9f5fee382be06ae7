using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>Which of a machine's limits holds for a kernel.</summary>
public static class MachinePeaks
{
    /// <summary>Seconds that each measurement takes by default.</summary>
    public const double Seconds = 0.2;

    /// <summary>The fastest arithmetic that a variant may use for a type of product, in operations a second.</summary>
    /// <param name="peaks">Slowest instructions first, as <see cref="Backend.MeasurePeaks"/> gives them; a variant may use those up to its own name.</param>
    /// <param name="variant">A variant's name; one that is no peak's may use all.</param>
    /// <param name="compute">F32, BF16 with sums in F32, or I8 with sums in I32.</param>
    /// <returns>Null where there is no arithmetic peak.</returns>
    public static double? Of(IReadOnlyList<Peak> peaks, string variant, DType compute)
    {
        var arithmetic = peaks.Where(peak => peak.Kind != PeakKind.Read).ToList();
        int own = arithmetic.FindIndex(peak => peak.Name == variant);
        var usable = arithmetic.Take(own < 0 ? arithmetic.Count : own + 1);
        usable = compute == DType.I8 ? usable.Where(peak => peak.Kind == PeakKind.I8)
            : usable.Where(peak => peak.Kind == PeakKind.F32 || (peak.Kind == PeakKind.BF16 && compute == DType.BF16));
        return usable.Select(peak => (double?)peak.Rate).Max();
    }

    /// <summary>The rate of reads from a place (<c>dram</c>), in bytes a second; null where it is not known.</summary>
    public static double? Reads(IReadOnlyList<Peak> peaks, string place) =>
        peaks.Where(peak => peak.Kind == PeakKind.Read && peak.Name == place).Select(peak => (double?)peak.Rate).FirstOrDefault();
}
