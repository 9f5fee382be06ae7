using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>The element types of the safetensors format.</summary>
internal static class SafetensorsTypes
{
    /// <summary>Bits of one element, or 0 where the format knows no such type.</summary>
    public static int BitsOf(string name) => name switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "C64" or "F64" or "I64" or "U64" => 64,
        _ => 0,
    };

    /// <summary>Ours for the file's name; <see cref="DType.Other"/> for types that are never computed with.</summary>
    public static DType Parse(string name) => name switch
    {
        "F32" => DType.F32,
        "BF16" => DType.BF16,
        "F16" => DType.F16,
        "F64" => DType.F64,
        "I64" => DType.I64,
        "I32" => DType.I32,
        "I16" => DType.I16,
        "I8" => DType.I8,
        "U8" => DType.U8,
        "BOOL" => DType.Bool,
        _ => DType.Other,
    };

    /// <summary>Place in the owner's list of types, which orders the tensors of a written file (greatest first).</summary>
    public static int WritingRank(DType dtype) => dtype switch
    {
        DType.I64 => 9,
        DType.F64 => 8,
        DType.F32 => 7,
        DType.I32 => 6,
        DType.BF16 => 5,
        DType.F16 => 4,
        DType.I16 => 3,
        DType.I8 => 2,
        DType.U8 => 1,
        _ => 0,
    };
}
