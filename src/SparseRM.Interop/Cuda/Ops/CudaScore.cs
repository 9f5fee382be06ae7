using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Score"/>: kernels/ops/score.cu.</summary>
internal static class CudaScore
{
    /// <summary>Bytes of shared memory that every device from compute capability 8.0 on gives a block, less the kernel's own.</summary>
    private const int MostShared = (99 << 10) - 256;

    /// <summary>Whether a head's inputs and hidden units fit a block's shared memory: 64 and 512 take 4,352 bytes of 101,120.</summary>
    public static bool Fits(ScoreWeights weights) => Shared(weights) <= MostShared;

    public static void Run(CudaBackend backend, CudaRows z, ScoreWeights weights, CudaRows scores)
    {
        var heads = OpChecks.Resident(weights);
        backend.Launch("score", backend.Pick(OpKind.Score), "", new Grid(z.Rows), (int)Shared(weights),
            z.Pointer, z.RowStride, heads.Directions is { } directions ? CudaBackend.Rows(directions).Pointer : 0, weights.DModel, weights.Inputs,
            CudaBackend.Rows(heads.W1).Pointer, CudaBackend.Rows(heads.B1).Pointer, CudaBackend.Rows(heads.W2).Pointer,
            CudaBackend.Rows(heads.B2).Pointer, weights.HiddenUnits, weights.Heads.Count, scores.Pointer, scores.RowStride);
    }

    private static long Shared(ScoreWeights weights) => (long)weights.HiddenUnits * sizeof(double) + (long)weights.Inputs * sizeof(float);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "score", 256)];
}
