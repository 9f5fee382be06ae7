using ILGPU;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>Where a lane stands among all lanes of a launch, for kernels in which every lane works alone.</summary>
internal static class Lanes
{
    /// <summary>This lane's first item.</summary>
    public static long First => (long)Grid.IdxX * Group.DimX + Group.IdxX;

    /// <summary>From one of its items to the next.</summary>
    public static long Stride => (long)Grid.DimX * Group.DimX;
}
