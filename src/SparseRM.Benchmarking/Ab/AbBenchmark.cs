using System.Diagnostics;

namespace SparseRM.Benchmarking.Ab;

/// <summary>Compares two kernels in turn, each in a process of its own, so that builds can be compared and a kernel that crashes takes nothing along.</summary>
public static class AbBenchmark
{
    private const int LeastRounds = 16;

    /// <summary>Measures.</summary>
    /// <param name="options">What.</param>
    /// <param name="progress">Told of the rounds done.</param>
    /// <param name="cancel">Heard at once; the processes are ended.</param>
    /// <exception cref="Errors.SparseRMException">A side does not start, computes something else than the reference, crashes or hangs; says which.</exception>
    public static AbResult Run(AbOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var placements = new List<List<double>>();
        int done = 0;
        List<double> first = [], second = [];
        var load = new MachineLoad();
        (string, string) names = ("", "");
        bool sameBits = true;
        double spent = 0, measured = 0;
        for (int placement = 0; placement < options.Placements; placement++)
        {
            // The one that is started first, which may have the better memory, and measured first is not always the same.
            bool isSecondFirst = placement % 2 == 1;
            using var one = SideProcess.Start(options, isSecondFirst ? options.Second : options.First, placement + 1, cancel);
            using var other = SideProcess.Start(options, isSecondFirst ? options.First : options.Second, placement + 1, cancel);
            names = isSecondFirst ? (other.Name, one.Name) : (one.Name, other.Name);
            sameBits &= one.Bits == other.Bits;
            var ratios = new List<double>();
            placements.Add(ratios);
            one.Time();
            other.Time();
            long start = Stopwatch.GetTimestamp();
            double share = options.Seconds * (placement + 1) / options.Placements;
            int rounds = options.Rounds * (placement + 1) / options.Placements;
            while (done < rounds && (spent + Stopwatch.GetElapsedTime(start).TotalSeconds < share || done < LeastRounds * (placement + 1) / options.Placements))
            {
                double[] times = [one.Time(), other.Time(), other.Time(), one.Time()];
                var (outer, inner) = (times[0] + times[3], times[1] + times[2]);
                var (ofA, ofB) = isSecondFirst ? (inner, outer) : (outer, inner);
                ratios.Add(ofB / ofA);
                first.Add(ofA / 2);
                second.Add(ofB / 2);
                progress?.Report(new WorkProgress("rounds", ++done, options.Rounds));
                if (done >= rounds - options.Rounds / options.Placements + LeastRounds && Comparison().Spread <= options.Spread) break;
            }
            spent += Stopwatch.GetElapsedTime(start).TotalSeconds;
            one.Check();
            other.Check();
            measured += one.CpuSeconds + other.CpuSeconds;
        }
        return new AbResult(
            options, names, (new Timings(first).Median, new Timings(second).Median), Comparison(), sameBits, load.OfOthers(measured));

        PairedComparison Comparison() => new(placements, options.Confidence, options.Margin);
    }
}
