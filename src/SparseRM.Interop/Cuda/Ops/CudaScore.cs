using SparseRM.Backends;
using SparseRM.Scoring;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Score"/>: kernels/ops/score.cu.</summary>
internal static class CudaScore
{
    /// <summary>Bytes of shared memory that every device from compute capability 8.0 on gives a block, less the kernel's own.</summary>
    private const int MostShared = (99 << 10) - 256;

    /// <summary>Whether the head's inputs and hidden units fit a block's shared memory: 64 and 512 take 4,352 bytes of 101,120.</summary>
    public static bool Fits(ResidentReward reward) => Shared(reward) <= MostShared;

    public static void Run(CudaBackend backend, CudaRows z, ResidentReward reward, CudaRows scores) =>
        backend.Launch("score", backend.Pick(OpKind.Score), "", new Grid(z.Rows), (int)Shared(reward),
            z.Pointer, z.RowStride, reward.Directions is { } directions ? CudaBackend.Rows(directions).Pointer : 0, reward.DModel, reward.InputCount,
            CudaBackend.Rows(reward.W1).Pointer, CudaBackend.Rows(reward.B1).Pointer, CudaBackend.Rows(reward.W2).Pointer, reward.B2,
            reward.HiddenUnits, scores.Pointer, scores.RowStride);

    private static long Shared(ResidentReward reward) => (long)reward.HiddenUnits * sizeof(double) + (long)reward.InputCount * sizeof(float);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "score", 256)];
}
