using System.Diagnostics;

namespace SparseRM.Benchmarking.Ab;

/// <summary>Compares two kernels in turn, each in a process of its own, so that builds can be compared and a kernel that crashes takes nothing along.</summary>
public static class AbBenchmark
{
    private const int LeastRounds = 16;

    /// <summary>Measures.</summary>
    /// <param name="options">What.</param>
    /// <param name="progress">Told of the rounds done.</param>
    /// <param name="cancel">Checked between measurements.</param>
    /// <exception cref="Errors.SparseRMException">A side does not start, computes something else than the reference, crashes or hangs; says which.</exception>
    public static AbResult Run(AbOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var ratios = new List<double>();
        List<double> first = [], second = [];
        var load = new MachineLoad();
        (string, string) names = ("", "");
        bool sameBits = true;
        double spent = 0, measured = 0;
        for (int placement = 0; placement < options.Placements; placement++)
        {
            using var a = SideProcess.Start(options, options.First, placement + 1);
            using var b = SideProcess.Start(options, options.Second, placement + 1);
            names = (a.Name, b.Name);
            sameBits &= a.Bits == b.Bits;
            // The one that was started first, or first measured, is not always the same.
            var (one, other) = placement % 2 == 0 ? (a, b) : (b, a);
            one.Time();
            other.Time();
            long start = Stopwatch.GetTimestamp();
            double share = options.Seconds * (placement + 1) / options.Placements;
            int rounds = options.Rounds * (placement + 1) / options.Placements;
            while (ratios.Count < rounds && (spent + Stopwatch.GetElapsedTime(start).TotalSeconds < share || ratios.Count < LeastRounds * (placement + 1) / options.Placements))
            {
                cancel.ThrowIfCancellationRequested();
                double[] times = [one.Time(), other.Time(), other.Time(), one.Time()];
                var (outer, inner) = (times[0] + times[3], times[1] + times[2]);
                var (ofA, ofB) = placement % 2 == 0 ? (outer, inner) : (inner, outer);
                ratios.Add(ofB / ofA);
                first.Add(ofA / 2);
                second.Add(ofB / 2);
                progress?.Report(new WorkProgress("rounds", ratios.Count, options.Rounds));
                if (ratios.Count >= rounds - options.Rounds / options.Placements + LeastRounds
                    && Comparison().Spread <= options.Spread) break;
            }
            spent += Stopwatch.GetElapsedTime(start).TotalSeconds;
            a.Check();
            b.Check();
            measured += a.CpuSeconds + b.CpuSeconds;
        }
        return new AbResult(
            options, names, (new Timings(first).Median, new Timings(second).Median), Comparison(), sameBits, load.OfOthers(measured));

        PairedComparison Comparison() => new(ratios, options.Confidence, options.Margin);
    }
}
