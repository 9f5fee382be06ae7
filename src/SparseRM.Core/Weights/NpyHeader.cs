using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>The header of a .npy member: magic, version 1 to 3, a Python dict literal. Source: NumPy <c>lib/format.py</c>.</summary>
internal sealed record NpyHeader(DType DType, long[] Shape, bool FortranOrder, int Length)
{
    private const int MaxLength = 1 << 16;

    /// <summary>Reads the header from the start of <paramref name="stream"/>; <see cref="Length"/> bytes are consumed.</summary>
    /// <exception cref="ModelFormatException">Another magic, version, element type or form.</exception>
    public static NpyHeader Read(string path, string member, Stream stream)
    {
        Span<byte> start = stackalloc byte[12];
        if (stream.ReadAtLeast(start[..8], 8, throwOnEndOfStream: false) < 8 || !IsMagic(start))
            throw new ModelFormatException(path, $"member \"{member}\" is not a .npy array");
        if (start[6] is < 1 or > 3) throw new ModelFormatException(path, $"member \"{member}\" has .npy version {start[6]}; 1 to 3 are known");
        int sizeBytes = start[6] == 1 ? 2 : 4;
        if (stream.ReadAtLeast(start.Slice(8, sizeBytes), sizeBytes, throwOnEndOfStream: false) < sizeBytes)
            throw new ModelFormatException(path, $"member \"{member}\" ends inside its .npy header");
        uint length = sizeBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (length > MaxLength) throw new ModelFormatException(path, $"member \"{member}\" has a .npy header of {length} bytes; at most {MaxLength} are read");
        var text = new byte[length];
        if (stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) < text.Length)
            throw new ModelFormatException(path, $"member \"{member}\" ends inside its .npy header");
        return Parse(path, member, Encoding.Latin1.GetString(text), 8 + sizeBytes + (int)length);
    }

    private static bool IsMagic(ReadOnlySpan<byte> start) => start[0] == 0x93 && start[1..6].SequenceEqual("NUMPY"u8);

    private static NpyHeader Parse(string path, string member, string text, int length)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        string body = text.Trim();
        if (body is not ['{', .., '}']) throw Bad(path, member, text);
        body = body[1..^1].Trim();
        while (body.Length > 0)
        {
            int colon = body.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) throw Bad(path, member, text);
            string key = body[..colon].Trim(), rest = body[(colon + 1)..].TrimStart();
            int end = rest.StartsWith('(') ? rest.IndexOf(')', StringComparison.Ordinal) + 1 : rest.StartsWith('[') ? rest.Length : (rest + ",").IndexOf(',', StringComparison.Ordinal);
            if (end <= 0 || !fields.TryAdd(key.Trim('\'', '"'), rest[..end].Trim())) throw Bad(path, member, text);
            body = rest[end..].Trim();
            if (body.Length > 0 && body[0] != ',') throw Bad(path, member, text);
            body = body.TrimStart(',').TrimStart();
        }
        if (fields.Count != 3 || !fields.TryGetValue("descr", out string? descr) || !fields.TryGetValue("fortran_order", out string? order) || order is not ("True" or "False")
            || !fields.TryGetValue("shape", out string? shape) || shape is not ['(', .., ')'])
        {
            throw Bad(path, member, text);
        }
        var sizes = new List<long>();
        foreach (string part in shape[1..^1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            sizes.Add(long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : throw Bad(path, member, text));
        return new NpyHeader(ParseType(path, member, descr.Trim('\'', '"')), [.. sizes], order == "True", length);
    }

    private static DType ParseType(string path, string member, string descr) => descr switch
    {
        "<f4" => DType.F32,
        "<f2" => DType.F16,
        "<f8" => DType.F64,
        "<i8" => DType.I64,
        "<i4" => DType.I32,
        "<i2" => DType.I16,
        "|i1" or "<i1" => DType.I8,
        "|u1" or "<u1" => DType.U8,
        "|b1" => DType.Bool,
        _ => throw new ModelFormatException(path, $"member \"{member}\" has element type {descr}; little-endian <f4, <f2, <f8 and signed integers are supported"),
    };

    private static ModelFormatException Bad(string path, string member, string text)
    {
        string line = text.ReplaceLineEndings(" ").Trim();
        return new(path, $"member \"{member}\" has a .npy header that is not a dict of descr, fortran_order and shape: {line[..Math.Min(line.Length, 120)]}");
    }
}
