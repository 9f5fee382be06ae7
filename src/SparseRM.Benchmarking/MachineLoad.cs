using System.Diagnostics;
using System.Globalization;

namespace SparseRM.Benchmarking;

/// <summary>How much of the machine other processes took since this was made.</summary>
public sealed class MachineLoad
{
    private const string Path = "/proc/stat";
    private const double TicksPerSecond = 100; // what Linux counts in for programs
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double _busy = Busy(), _own = Own();

    /// <summary>Share of all processors, from 0 on; 0 where the system does not tell.</summary>
    /// <param name="children">Seconds of processor time of processes that were started meanwhile and have ended.</param>
    public double OfOthers(double children = 0)
    {
        double elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds * Environment.ProcessorCount;
        return elapsed <= 0 ? 0 : Math.Clamp((Busy() - _busy - (Own() - _own) - children) / elapsed, 0, 1);
    }

    private static double Own()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalSeconds;
    }

    /// <summary>Seconds that all processors together were busy: everything but idle and waiting for disks.</summary>
    private static double Busy()
    {
        if (!File.Exists(Path)) return 0;
        double[] ticks = [.. File.ReadLines(Path).First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)
            .Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        return (ticks.Sum() - ticks[3] - ticks[4]) / TicksPerSecond;
    }
}
