namespace SparseRM.Interop.Cuda;

internal sealed unsafe partial class CudaDevice
{
    /// <summary>Queues a launch; op and variant are for messages.</summary>
    public void Launch(in CudaLaunch launch, string op, string variant, ReadOnlySpan<KernelArgument> arguments)
    {
        void** pointers = stackalloc void*[arguments.Length];
        fixed (KernelArgument* first = arguments)
        {
            for (int i = 0; i < arguments.Length; i++) pointers[i] = first + i;
            var result = Driver.Launch(
                launch.Function, (uint)launch.Grid.X, (uint)launch.Grid.Y, 1, (uint)launch.Threads, 1, 1, (uint)launch.Shared, Stream, pointers, null);
            if (result != CudaResult.Success) Check(result, $"launching {op}_{variant}");
        }
    }
}
