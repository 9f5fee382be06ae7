namespace SparseRM.Benchmarks;

/// <summary>A product of a real model: x [Rows, Inputs] times [Outputs, Inputs].</summary>
public sealed record Shape(string Name, int Rows, int Inputs, int Outputs)
{
    /// <summary>2 * Rows * Inputs * Outputs.</summary>
    public double Flops => 2.0 * Rows * Inputs * Outputs;
    public override string ToString() => Name;
}

/// <summary>The scenarios by name.</summary>
public static class Shapes
{
    public static readonly Shape[] MatMul =
    [
        new("gemma2_2b_mlp_up_512tok", 512, 2304, 9216),
        new("gemma2_2b_mlp_down_512tok", 512, 9216, 2304),
        new("gemma2_2b_mlp_up_16tok", 16, 2304, 9216),
        new("llama32_1b_mlp_up_128tok", 128, 2048, 8192),
    ];
}
