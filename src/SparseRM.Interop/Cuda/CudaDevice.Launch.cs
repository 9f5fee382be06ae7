namespace SparseRM.Interop.Cuda;

internal sealed unsafe partial class CudaDevice
{
    private const int CaptureOfThisThread = 1;

    /// <summary>Queues the first of the words of <see cref="CudaLaunch"/>.</summary>
    /// <param name="launch">The words.</param>
    /// <param name="op">For messages.</param>
    /// <param name="variant">For messages, or null.</param>
    public void Launch(ReadOnlySpan<ulong> launch, string op, string? variant)
    {
        var result = TryLaunch(launch);
        if (result != CudaResult.Success) Check(result, $"launching {op}{(variant is null ? "" : "_")}{variant}");
    }

    /// <summary>Queues one launch after the other.</summary>
    public void LaunchAll(ReadOnlySpan<ulong> launches)
    {
        while (!launches.IsEmpty)
        {
            Launch(launches, "a kernel of a repeated pass", null);
            launches = launches[(int)launches[0]..];
        }
    }

    /// <summary>Queues a graph.</summary>
    public void Launch(GraphHandle graph) => Check(Driver.LaunchGraph(graph.Value, Stream), "cuGraphLaunch");

    /// <summary>Makes a graph of launches, or gives null where the driver cannot; nothing is queued.</summary>
    /// <remarks>A graph saves time and changes nothing, so only an error that loses the context is one.</remarks>
    public GraphHandle? TryCapture(ReadOnlySpan<ulong> launches)
    {
        nint graph = 0, executable = 0;
        var result = Driver.BeginCapture(Stream, CaptureOfThisThread);
        if (result == CudaResult.Success)
        {
            var launched = CaptureLaunches(launches);
            var ended = Driver.EndCapture(Stream, &graph);  // whatever went wrong in it
            result = launched != CudaResult.Success ? launched : ended;
        }
        if (result == CudaResult.Success) result = Driver.InstantiateGraph(&executable, graph, 0);
        if (graph != 0) Driver.DestroyGraph(graph);  // nothing could be done about an error
        if (result.LosesContext()) Check(result, "making a graph of a pass");
        return result == CudaResult.Success ? new GraphHandle(Context, executable) : null;
    }

    private CudaResult CaptureLaunches(ReadOnlySpan<ulong> launches)
    {
        var result = CudaResult.Success;
        for (; result == CudaResult.Success && !launches.IsEmpty; launches = launches[(int)launches[0]..]) result = TryLaunch(launches);
        return result;
    }

    private CudaResult TryLaunch(ReadOnlySpan<ulong> launch)
    {
        int count = (int)launch[0] - CudaLaunch.Head;
        void** pointers = stackalloc void*[count];
        fixed (ulong* words = launch)
        {
            for (int i = 0; i < count; i++) pointers[i] = words + CudaLaunch.Head + i;
            return Driver.Launch(
                (nint)words[1], (uint)words[2], (uint)(words[2] >> 32), 1, (uint)words[3], 1, 1, (uint)(words[3] >> 32), Stream, pointers, null);
        }
    }
}
