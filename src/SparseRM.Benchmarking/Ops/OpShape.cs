using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

/// <summary>An op on the sizes of a real model, under a name that says which.</summary>
/// <param name="Name">Model, part and tokens: <c>gemma2_2b_mlp_up_512tok</c>.</param>
/// <param name="Op">The op.</param>
/// <param name="Rows">Tokens.</param>
public abstract record OpShape(string Name, OpKind Op, int Rows)
{
    /// <summary>Whether it is so large that only a GPU has the time for it.</summary>
    public bool ForGpu { get; init; }

    /// <summary>Nominal floating-point operations of so many rows.</summary>
    public abstract double Flops(int rows);

    /// <summary>Bytes of all operands of so many rows, each counted once.</summary>
    public abstract double Bytes(int rows, DType compute);

    /// <summary>Whether arithmetic sets its pace, so that a share of the arithmetic peak says something.</summary>
    public virtual bool IsArithmetic => true;

    /// <summary>The name.</summary>
    public sealed override string ToString() => Name;

    /// <summary>Bytes of a weight or operand for products of a type.</summary>
    protected static double Size(DType compute) => compute.ByteSize();
}

/// <summary>x [rows, inputs] times [outputs, inputs]; x is an operand, as the ops before it write it.</summary>
public sealed record MatMulShape(string Name, int Rows, int Inputs, int Outputs) : OpShape(Name, OpKind.MatMul, Rows)
{
    /// <inheritdoc/>
    public override double Flops(int rows) => 2.0 * rows * Inputs * Outputs;

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => Size(compute) * Inputs * ((double)Outputs + rows) + 4.0 * rows * Outputs;
}

/// <summary>Gate and up of an MLP with its non-linearity: two matrices [outputs, inputs].</summary>
public sealed record GatedMatMulShape(string Name, int Rows, int Inputs, int Outputs, GatedActivationKind Kind) : OpShape(Name, OpKind.GatedMatMul, Rows)
{
    /// <inheritdoc/>
    public override double Flops(int rows) => 4.0 * rows * Inputs * Outputs;

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => Size(compute) * (2.0 * Inputs * Outputs + (double)rows * (Inputs + Outputs));
}

/// <summary>Causal attention of some sequences of equal length, packed.</summary>
public sealed record AttentionShape(string Name, int Sequences, int Length, AttentionOptions Options) : OpShape(Name, OpKind.Attention, Sequences * Length)
{
    /// <inheritdoc/>
    /// <remarks>The last rows of the last sequence, where these are fewer than all.</remarks>
    public override double Flops(int rows) =>
        4.0 * Options.NHeads * Options.DHead * (rows == Rows ? Sequences * (Length + 1.0) * Length / 2 : rows * (Length - (rows - 1) / 2.0));

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) =>
        (4 + Size(compute)) * rows * Options.NHeads * Options.DHead + 8.0 * Math.Max(rows, Length) * Options.NKvHeads * Options.DHead;
}

/// <summary>As <see cref="AttentionShape"/>, with q and k rotated first.</summary>
public sealed record RopeAttentionShape(string Name, AttentionShape Attention) : OpShape(Name, OpKind.RopeAttention, Attention.Rows)
{
    /// <inheritdoc/>
    /// <remarks>Per rotated element: two products, one sum.</remarks>
    public override double Flops(int rows) => Attention.Flops(rows) + 3.0 * rows * (Attention.Options.NHeads + Attention.Options.NKvHeads) * Attention.Options.DHead;

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => Attention.Bytes(rows, compute);
}

/// <summary>Projection on some directions and a head of one hidden layer, in F64.</summary>
public sealed record ScoreShape(string Name, int Rows, int DModel, int Inputs, int Hidden) : OpShape(Name, OpKind.Score, Rows)
{
    /// <inheritdoc/>
    public override double Flops(int rows) => 2.0 * rows * ((double)Inputs * (DModel + Hidden) + Hidden);

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => 4.0 * ((double)Inputs * (DModel + Hidden) + 2 * Hidden + (double)rows * (DModel + 1));

    /// <inheritdoc/>
    /// <remarks>No peak of F64 is known.</remarks>
    public override bool IsArithmetic => false;
}

/// <summary>The branch's norm, its addition to the residual stream, and the next norm, written as an operand.</summary>
public sealed record AddRmsNormShape(string Name, int Rows, int Columns) : OpShape(Name, OpKind.AddRmsNorm, Rows)
{
    /// <inheritdoc/>
    /// <remarks>Per element: two squares added, two times two factors, one addition.</remarks>
    public override double Flops(int rows) => 9.0 * rows * Columns;

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => (8.0 + 8 + Size(compute)) * rows * Columns;

    /// <inheritdoc/>
    public override bool IsArithmetic => false;
}

/// <summary>Sparse latents of an SAE; its gate lets about 80 of them through, or K.</summary>
public sealed record SaeEncodeShape(string Name, int Rows, int DIn, int DSae, int? K) : OpShape(Name, OpKind.SaeEncode, Rows)
{
    // So many standard deviations of a product of unit variance: beyond them lie 80 of 16,384, or of 131,072, latents.
    private double Threshold => DSae <= 16_384 ? 2.58 : 3.23;

    /// <summary>The gate.</summary>
    public SaeActivation Activation => K is { } k ? new SaeActivation.TopK(k) : new SaeActivation.JumpRelu([.. Enumerable.Repeat((float)Threshold, DSae)]);

    /// <inheritdoc/>
    public override double Flops(int rows) => 2.0 * rows * DIn * DSae;

    /// <inheritdoc/>
    public override double Bytes(int rows, DType compute) => Size(compute) * DIn * (double)DSae + 4.0 * rows * DIn + 8.0 * rows * (K ?? 80);
}
