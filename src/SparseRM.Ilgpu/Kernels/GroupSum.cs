using ILGPU;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>Sums over the lanes of a group in a fixed order; a group's size must be a power of two, at most <see cref="MaxLanes"/>.</summary>
internal static class GroupSum
{
    public const int MaxLanes = 256;

    /// <summary>The sum of every lane's <paramref name="own"/>, to every lane; <paramref name="shared"/> holds <see cref="MaxLanes"/>.</summary>
    public static float Of(float own, ArrayView<float> shared)
    {
        int lane = Group.IdxX;
        shared[lane] = own;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (lane < half) shared[lane] += shared[lane + half];
            Group.Barrier();
        }
        float sum = shared[0];
        Group.Barrier();
        return sum;
    }
}
