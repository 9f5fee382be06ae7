namespace SparseRM.Interop.Cuda;

/// <summary>The results of the driver (CUresult) that are told apart here; every other one is named by the driver itself.</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    DeviceUnavailable = 46,
    NoBinaryForGpu = 209,
    EccUncorrectable = 214,
    NvlinkUncorrectable = 220,
    UnsupportedPtxVersion = 222,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    ContextIsDestroyed = 709,
    Assert = 710,
    HardwareStackError = 714,
    LaunchFailed = 719,
    Unknown = 999,
}

/// <summary>What a result means for the calls after it.</summary>
internal static class CudaResults
{
    /// <summary>Whether the device's context is lost with this result: every later call would give it again.</summary>
    public static bool LosesContext(this CudaResult result) => result
        is CudaResult.EccUncorrectable or CudaResult.NvlinkUncorrectable or CudaResult.IllegalAddress or CudaResult.LaunchTimeout
        or CudaResult.ContextIsDestroyed or CudaResult.Assert
        or (>= CudaResult.HardwareStackError and <= CudaResult.LaunchFailed) or CudaResult.Unknown;
}
