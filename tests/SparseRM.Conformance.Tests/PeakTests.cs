using SparseRM.Backends;
using SparseRM.Interop;

namespace SparseRM.Conformance;

/// <summary>The probe of the machine's limits; how fast it is, nobody can assert.</summary>
public class PeakTests
{
    [Fact]
    public void Peaks_have_the_names_of_the_kernels_that_this_machine_runs()
    {
        using var backend = NativeBackend.Open(2);
        var peaks = backend.MeasurePeaks(0.002);
        Assert.All(peaks, peak => Assert.True(double.IsFinite(peak.Rate) && peak.Rate > 0, $"{peak}"));
        var variants = backend.Variants(OpKind.MatMul).Where(variant => variant.Supported).Select(variant => variant.Name).ToArray();
        var arithmetic = peaks.Where(peak => peak.Kind != PeakKind.Read).Select(peak => peak.Name).ToArray();
        Assert.Equal(variants.Where(arithmetic.Contains), arithmetic.Where(variants.Contains));
        Assert.Contains("scalar", arithmetic);
        Assert.Equal(variants.Contains("avx512_bf16"), peaks.Any(peak => peak.Kind == PeakKind.BF16));
        Assert.Equal(["l1", "l2", "l3", "dram"], peaks.Where(peak => peak.Kind == PeakKind.Read).Select(peak => peak.Name));
    }

    [Fact]
    public void The_reference_knows_no_limit() => Assert.Empty(new Backends.Reference.ReferenceBackend().MeasurePeaks(0.002));
}
