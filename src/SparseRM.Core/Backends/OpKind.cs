namespace SparseRM.Backends;

/// <summary>The ops that a backend supplies: what tests, benchmarks and the command line enumerate.</summary>
public enum OpKind
{
    /// <summary><see cref="Backend.Embed"/></summary>
    Embed,
    /// <summary><see cref="Backend.RmsNorm"/></summary>
    RmsNorm,
    /// <summary><see cref="Backend.AddRmsNorm"/></summary>
    AddRmsNorm,
    /// <summary><see cref="Backend.Pack"/></summary>
    Pack,
    /// <summary><see cref="Backend.MatMul"/></summary>
    MatMul,
    /// <summary><see cref="Backend.GatedMatMul"/></summary>
    GatedMatMul,
    /// <summary><see cref="Backend.Rope"/></summary>
    Rope,
    /// <summary><see cref="Backend.Attention"/></summary>
    Attention,
    /// <summary><see cref="Backend.GatedActivation"/></summary>
    GatedActivation,
    /// <summary><see cref="Backend.Add"/></summary>
    Add,
    /// <summary><see cref="Backend.GatherRows"/></summary>
    GatherRows,
    /// <summary><see cref="Backend.MeanRows"/></summary>
    MeanRows,
    /// <summary><see cref="Backend.SaeEncode"/></summary>
    SaeEncode,
    /// <summary><see cref="Backend.RopeAttention"/></summary>
    RopeAttention,
    /// <summary><see cref="Backend.CountActive"/></summary>
    CountActive,
    /// <summary><see cref="Backend.Score"/></summary>
    Score,
}

/// <summary>One way in which a backend can compute an op.</summary>
/// <param name="Name">What it does or needs: <c>scalar</c>, <c>avx2</c>, <c>avx512_bf16</c>.</param>
/// <param name="Supported">Whether this machine can run it.</param>
/// <param name="Selected">Whether it is the one in use.</param>
/// <param name="Proven">
/// Whether enough is known of it to be a default, from a machine that has what it needs or from an emulation that says enough; another is used only
/// where it is asked for.
/// </param>
/// <param name="BatchInvariant">
/// Whether a row's bits depend on that row alone, as <see cref="Backend"/> promises. A variant of which that is not known is there for
/// others to be compared with: it is used only where it is asked for, and no score is computed with it.
/// </param>
public readonly record struct KernelVariant(string Name, bool Supported, bool Selected, bool Proven = true, bool BatchInvariant = true);
