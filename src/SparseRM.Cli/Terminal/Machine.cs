using System.Runtime.InteropServices;

namespace SparseRM.Cli.Terminal;

/// <summary>The machine by which measured numbers are to be read.</summary>
internal static class Machine
{
    private const string CpuInfo = "/proc/cpuinfo";

    /// <summary>The processor's own name, or its architecture where the system does not tell.</summary>
    public static string Processor
    {
        get
        {
            string? line = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
            return line?[(line.IndexOf(':') + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        }
    }

    /// <summary>Bytes of memory that this process may use.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>As fields of a JSON object.</summary>
    public static Report Facts => new Report().Add("processor", Processor).Add("cores", Environment.ProcessorCount).Add("memory_bytes", Memory)
        .Add("os", RuntimeInformation.OSDescription).Add("runtime", RuntimeInformation.FrameworkDescription);
}
