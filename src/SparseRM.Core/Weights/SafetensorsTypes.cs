using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>The element types of the safetensors format.</summary>
internal static class SafetensorsTypes
{
    private static readonly Dictionary<string, int> s_bits = new(StringComparer.Ordinal)
    {
        ["F4"] = 4, ["F6_E2M3"] = 6, ["F6_E3M2"] = 6,
        ["BOOL"] = 8, ["U8"] = 8, ["I8"] = 8, ["F8_E5M2"] = 8, ["F8_E4M3"] = 8, ["F8_E8M0"] = 8, ["F8_E4M3FNUZ"] = 8, ["F8_E5M2FNUZ"] = 8,
        ["I16"] = 16, ["U16"] = 16, ["F16"] = 16, ["BF16"] = 16, ["I32"] = 32, ["U32"] = 32, ["F32"] = 32, ["C64"] = 64, ["F64"] = 64, ["I64"] = 64, ["U64"] = 64,
    };

    private static readonly Dictionary<string, string> s_names = s_bits.Keys.ToDictionary(name => name, StringComparer.Ordinal);

    /// <summary>Bits of one element, or 0 where the format knows no such type.</summary>
    public static int BitsOf(string name) => s_bits.GetValueOrDefault(name);

    /// <summary>One string for each type, however many tensors have it; null where the format knows no such type.</summary>
    public static string? Shared(string name) => s_names.GetValueOrDefault(name);

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
        "F8_E4M3" => DType.F8E4M3,
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
