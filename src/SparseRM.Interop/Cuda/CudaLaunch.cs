namespace SparseRM.Interop.Cuda;

/// <summary>What a kernel is launched with.</summary>
/// <param name="Function">The driver's handle of the kernel.</param>
/// <param name="Grid">Blocks.</param>
/// <param name="Threads">Of a block.</param>
/// <param name="Shared">Bytes of dynamic shared memory of a block.</param>
internal readonly record struct CudaLaunch(nint Function, Grid Grid, int Threads, int Shared);
