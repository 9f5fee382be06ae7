using System.Globalization;
using System.Security.Cryptography;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ab;

/// <summary>What a side does in its own process: prepares, then times or checks whenever it is told to.</summary>
public static class SideLoop
{
    // A measurement is the median of as many calls as take this long: long beside the clock, short beside what disturbs.
    private const double Seconds = 0.01;
    private const int MostCalls = 200;

    /// <summary>Runs until the input ends.</summary>
    /// <param name="library">Another build or a kernel, or null.</param>
    /// <param name="variant">The variant, or null for the default.</param>
    /// <param name="shape">The op.</param>
    /// <param name="compute">Type of the products.</param>
    /// <param name="backend">A name of <see cref="BackendCatalog.Names"/>.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="seed">Of the inputs.</param>
    /// <param name="cold">Whether the caches are emptied before each call.</param>
    /// <param name="parent">Says <c>time</c> and <c>check</c>; is told a line for each, and one at the start: the variant's name and a hash of what it computed.</param>
    /// <exception cref="SparseRMException">It does not open, or computes something else than the reference.</exception>
    public static void Run(
        string? library, string? variant, OpShape shape, DType compute, string backend, int threads, long seed, bool cold, ChildEnd parent)
    {
        if (library is not null && OwnKernel.IsKernel(library))
        {
            if (variant is not null and not OwnKernel.Variant)
                throw new SparseRMException(ErrorKind.Usage, $"{library} is a kernel of one's own, which has no variant {variant}; name the file alone");
            OwnKernel.Load(library);
            variant = OwnKernel.Variant;
        }
        else if (library is not null)
        {
            OwnKernel.UseBuild(library);
        }
        using var opened = BackendCatalog.Open(backend, threads);
        using var run = OpRun.Prepare(opened, shape, compute, seed);
        string name = variant ?? opened.Variants(shape.Op).First(one => one.Selected).Name;
        run.Select(name);
        parent.Say($"{name} {Convert.ToHexStringLower(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(run.LastRows)))}");
        Action? flush = cold ? MachineCaches.Flush : null;
        int calls = 0;
        while (parent.Hear() is { } line)
        {
            if (line == "check")
            {
                run.Verify(name, onSample: false);
                parent.Say("right");
                continue;
            }
            if (calls == 0) calls = Math.Clamp((int)(Seconds / Call()), 1, MostCalls);
            parent.Say(new Timings([.. Enumerable.Range(0, calls).Select(_ => Call())]).Median.ToString("R", CultureInfo.InvariantCulture));
        }

        double Call()
        {
            flush?.Invoke();
            return opened.Time(run.Call);
        }
    }
}
