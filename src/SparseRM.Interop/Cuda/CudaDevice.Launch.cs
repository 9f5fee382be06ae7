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
        int count = (int)launch[0] - CudaLaunch.Head;
        void** pointers = stackalloc void*[count];
        fixed (ulong* words = launch)
        {
            for (int i = 0; i < count; i++) pointers[i] = words + CudaLaunch.Head + i;
            var result = Driver.Launch(
                (nint)words[1], (uint)words[2], (uint)(words[2] >> 32), 1, (uint)words[3], 1, 1, (uint)(words[3] >> 32), Stream, pointers, null);
            if (result != CudaResult.Success) Check(result, $"launching {op}{(variant is null ? "" : "_")}{variant}");
        }
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

    /// <summary>Makes a graph of launches; nothing is queued.</summary>
    public GraphHandle Capture(ReadOnlySpan<ulong> launches)
    {
        nint graph = 0, executable;
        Check(Driver.BeginCapture(Stream, CaptureOfThisThread), "cuStreamBeginCapture");
        try
        {
            LaunchAll(launches);
        }
        catch
        {
            // Ends the capture whatever went wrong in it.
            if (Driver.EndCapture(Stream, &graph) == CudaResult.Success && graph != 0) Driver.DestroyGraph(graph);
            throw;
        }
        Check(Driver.EndCapture(Stream, &graph), "cuStreamEndCapture");
        var result = Driver.InstantiateGraph(&executable, graph, 0);
        Driver.DestroyGraph(graph);  // nothing could be done about an error
        Check(result, "cuGraphInstantiate");
        return new GraphHandle(Context, executable);
    }
}
