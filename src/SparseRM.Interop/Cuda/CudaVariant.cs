using SparseRM.Backends;

namespace SparseRM.Interop.Cuda;

/// <summary>A row of an op's table: one way to compute it, with the geometry of its launch. The kernels are <c>{op}_{name}_{types}</c>.</summary>
/// <param name="Name">What it does: <c>row_per_warp</c>, <c>mma_sync</c>.</param>
/// <param name="Module">The file in kernels/ops, without its ending.</param>
/// <param name="Threads">Threads of a block.</param>
internal sealed class CudaVariant(string Name, string Module, int Threads)
{
    public string Name { get; } = Name;
    public string Module { get; } = Module;
    public int Threads { get; } = Threads;

    /// <summary>The least compute capability, as 10 major + minor.</summary>
    public int Capability { get; init; } = 80;

    /// <summary>Rows (queries, groups) that one block computes.</summary>
    public int TileRows { get; init; } = 1;

    /// <summary>Columns (outputs) that one block computes.</summary>
    public int TileColumns { get; init; } = 1;

    /// <summary>Bytes of dynamic shared memory of a block, for operands of the given width (inputs of a product, d_head).</summary>
    public Func<int, int> Shared { get; init; } = _ => 0;

    /// <summary>More rows than this go to the next slower variant.</summary>
    public int MostRows { get; init; } = int.MaxValue;

    /// <summary>Whether enough is known of it to be a default; what is not proven computes only where it is selected by name.</summary>
    /// <remarks>
    /// No device has run any yet; all run under emulation. Products of warpgroups stay unproven until a device has run them: whether their
    /// instructions do there what the manual says, to the bits that the emulation gives, and whether they are faster is unknown.
    /// </remarks>
    public bool IsProven { get; init; } = true;

    /// <summary>Whether a row's bits depend on that row alone; a variant where they do not is for comparison and never chosen by itself.</summary>
    public bool IsBatchInvariant { get; init; } = true;

    /// <summary>Whether it computes only where it is selected by name.</summary>
    public bool IsByNameOnly => !IsProven || !IsBatchInvariant;

    /// <summary>Products: computed by NVIDIA's cuBLASLt where that is there, by no kernel of ours.</summary>
    public bool IsByCublasLt { get; init; }

    /// <summary>Products: a user's own kernel, or null.</summary>
    public OwnPtx? Own { get; init; }

    /// <summary>Attention: q, k and v are packed to operands first, and there is an entry for each width of a head.</summary>
    public bool PacksInputs { get; init; }

    /// <summary>Products: operands come through CUtensorMaps too, and a block goes through many tiles.</summary>
    public bool TakesTensorMaps { get; init; }

    /// <summary>Whether it computes operands of these types and this width; what it does not fit goes to the next slower variant.</summary>
    public Func<string, int, bool> Fits { get; init; } = (_, _) => true;
}

/// <summary>The variants of all ops, slowest first.</summary>
internal static class CudaVariants
{
    /// <summary>One line an op; the tables stand at the foot of the ops' files.</summary>
    public static CudaVariant[] Of(OpKind op) => op switch
    {
        OpKind.Embed => Ops.CudaEmbed.Variants,
        OpKind.RmsNorm => Ops.CudaRmsNorm.Variants,
        OpKind.AddRmsNorm => Ops.CudaAddRmsNorm.Variants,
        OpKind.Pack => Ops.CudaPack.Variants,
        OpKind.MatMul => OwnPtx.Loaded is { } own ? own.Beside(Ops.CudaMatMul.Variants) : Ops.CudaMatMul.Variants,
        OpKind.GatedMatMul => Ops.CudaGatedMatMul.Variants,
        OpKind.GatedActivation => Ops.CudaGatedActivation.Variants,
        OpKind.Rope => Ops.CudaRope.Variants,
        OpKind.Attention => Ops.CudaAttention.Variants,
        OpKind.Add => Ops.CudaAdd.Variants,
        OpKind.GatherRows => Ops.CudaGatherRows.Variants,
        OpKind.MeanRows => Ops.CudaMeanRows.Variants,
        OpKind.SaeEncode => Ops.CudaSaeEncode.Variants,
        OpKind.RopeAttention => Ops.CudaRopeAttention.Variants,
        OpKind.CountActive => Ops.CudaCountActive.Variants,
        OpKind.Score => Ops.CudaScore.Variants,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };
}
