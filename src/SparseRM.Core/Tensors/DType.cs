namespace SparseRM.Tensors;

/// <summary>Element types that weight files carry; activations are always <see cref="F32"/>.</summary>
public enum DType
{
    /// <summary>IEEE binary32.</summary>
    F32,
    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BF16,
    /// <summary>IEEE binary16.</summary>
    F16,
    /// <summary>IEEE binary64.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    /// <summary>fp8 of 4 bits of exponent and 3 of fraction (e4m3fn): stored in files with scales beside it, widened when it is read.</summary>
    F8E4M3,
    /// <summary>Any other type of the safetensors list: named in refusals, never computed with.</summary>
    Other,
}

/// <summary>Sizes and conversions of <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">For <see cref="DType.Other"/>.</exception>
    public static int ByteSize(this DType dtype) => dtype switch
    {
        DType.F64 or DType.I64 => 8,
        DType.F32 or DType.I32 => 4,
        DType.BF16 or DType.F16 or DType.I16 => 2,
        DType.I8 or DType.U8 or DType.Bool or DType.F8E4M3 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "has no fixed size"),
    };

    /// <summary>Whether model or SAE weights may have this type.</summary>
    public static bool IsWeightType(this DType dtype) => dtype is DType.F32 or DType.BF16 or DType.F16;

    /// <summary>The types that products can be computed in, by the names that people and reward files use.</summary>
    public static IReadOnlyList<string> ComputeNames => [.. s_computes.Select(type => type.Name)];

    /// <summary>The type of a name of <see cref="ComputeNames"/>, or null.</summary>
    public static DType? ParseCompute(string name) =>
        s_computes.Where(type => type.Name == name).Select(type => (DType?)type.Type).FirstOrDefault();

    /// <summary>The name of a type of <see cref="ComputeNames"/>: <c>f32</c>, <c>bf16</c>, <c>int8</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Nothing is computed in it.</exception>
    public static string ComputeName(this DType dtype) => s_computes.FirstOrDefault(type => type.Type == dtype).Name
        ?? throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "is no type of products");

    private static readonly (string Name, DType Type)[] s_computes = [("f32", DType.F32), ("bf16", DType.BF16), ("int8", DType.I8)];

    /// <summary>The name that files and messages use: <c>F32</c>, <c>BF16</c>.</summary>
    public static string Name(this DType dtype) => dtype.ToString().ToUpperInvariant();
}
