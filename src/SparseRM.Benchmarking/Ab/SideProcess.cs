using System.Diagnostics;
using System.Globalization;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ab;

/// <summary>A process that holds one side and times it when it is told to (<see cref="SideLoop"/>).</summary>
internal sealed class SideProcess : IDisposable
{
    private readonly Process _process;
    private readonly Side _side;
    private readonly Task<string> _errors;
    private readonly double _limit;
    private readonly CancellationToken _cancel;

    private SideProcess(Process process, Side side, double limit, CancellationToken cancel) =>
        (_process, _side, _limit, _cancel, _errors) = (process, side, limit, cancel, process.StandardError.ReadToEndAsync(CancellationToken.None));

    /// <summary>The variant that computes.</summary>
    public string Name { get; private set; } = "";

    /// <summary>A hash of what it computed for the last rows.</summary>
    public string Bits { get; private set; } = "";

    /// <summary>Processor time so far, in s.</summary>
    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>Starts the same program as a side.</summary>
    public static SideProcess Start(AbOptions options, Side side, int seed, CancellationToken cancel)
    {
        string[] arguments =
        [
            "bench", "side", "--shape", options.Shape.Name, "--dtype", options.Compute.ComputeName(), "--backend", options.Backend,
            "--threads", Number(options.Threads == 0 ? Environment.ProcessorCount : options.Threads), "--seed", Number(seed),
            .. options.Cold ? ["--cold"] : Array.Empty<string>(), .. side.Library is { } library ? ["--library", library] : Array.Empty<string>(),
            .. side.Variant is { } variant ? ["--kernel-variant", variant] : Array.Empty<string>(),
        ];
        var process = new SideProcess(Child.Start(arguments), side, options.Limit, cancel);
        try
        {
            string[] words = process.Answer().Split(' ');
            (process.Name, process.Bits) = (words[0], words[1]);
            return process;
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Seconds of a call, the median of some.</summary>
    public double Time()
    {
        _process.StandardInput.WriteLine("time");
        return double.Parse(Answer(), CultureInfo.InvariantCulture);
    }

    /// <summary>Has the outcome compared with the reference again.</summary>
    public void Check()
    {
        _process.StandardInput.WriteLine("check");
        Answer();
    }

    /// <summary>The next line, which every step of the process ends with.</summary>
    private string Answer() => Child.Answer(_process, _errors, _limit, _side.Text, _cancel);

    public void Dispose() => Child.End(_process);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
