using System.Buffers.Binary;
using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>How vLLM and OpenAI ask for numbers: <c>encoding_format</c>, <c>embed_dtype</c>, <c>endianness</c>.</summary>
internal sealed record NumberEncoding(string Format, string DType, string Endianness)
{
    /// <summary>What a request asks for.</summary>
    public static NumberEncoding Of(JsonElement request) => new(
        request.Word("encoding_format", "float", "base64", "bytes", "bytes_only") ?? "float",
        request.Word("embed_dtype", "float32", "float16", "bfloat16") ?? "float32",
        request.Word("endianness", "native", "little", "big") ?? "native");

    /// <summary>Whether the answer is bytes instead of JSON.</summary>
    public bool IsBytes => Format is "bytes" or "bytes_only";

    /// <summary>Whether a header says where each input's bytes lie.</summary>
    public bool HasMetadata => Format == "bytes";

    /// <summary>Whether numbers stand in JSON as base64.</summary>
    public bool IsBase64 => Format == "base64";

    /// <summary>The numbers' bytes, rounded to the nearest of their type (ties to even).</summary>
    public byte[] Bytes(float[] values)
    {
        bool big = Endianness == "big" || (Endianness == "native" && !BitConverter.IsLittleEndian);
        int size = DType == "float32" ? 4 : 2;
        var bytes = new byte[values.Length * size];
        for (int i = 0; i < values.Length; i++)
        {
            var at = bytes.AsSpan(i * size);
            if (size == 4)
            {
                if (big) BinaryPrimitives.WriteSingleBigEndian(at, values[i]);
                else BinaryPrimitives.WriteSingleLittleEndian(at, values[i]);
                continue;
            }
            ushort bits = DType == "float16" ? BitConverter.HalfToUInt16Bits(HalfOf(values[i])) : BFloat16(values[i]);
            if (big) BinaryPrimitives.WriteUInt16BigEndian(at, bits);
            else BinaryPrimitives.WriteUInt16LittleEndian(at, bits);
        }
        return bytes;
    }

    private static Half HalfOf(float value) => Half.IsFinite((Half)value)
        ? (Half)value : throw new Fault(FaultKind.Field, $"the score {value} is beyond float16; ask for float32 or bfloat16", "embed_dtype");

    private static ushort BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint rounded = bits + 0x7FFF + ((bits >> 16) & 1);
        // What rounds beyond the largest would be infinite.
        if ((rounded & 0x7F80_0000) == 0x7F80_0000) throw new Fault(FaultKind.Field, $"the score {value} is beyond bfloat16; ask for float32", "embed_dtype");
        return (ushort)(rounded >> 16);
    }
}
