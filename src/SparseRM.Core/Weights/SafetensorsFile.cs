using System.Buffers.Binary;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>One safetensors file; only its header is read. Layout: u64 little-endian N, N bytes of JSON, data without gaps or overlaps.</summary>
/// <remarks>
/// Strict where the format's own reader is lax: names listed twice are refused. White space around the JSON and tensors that start at any
/// byte are legal. Not thread-safe. Source: safetensors <c>src/tensor.rs</c>, whose checks are made in the same order.
/// </remarks>
public sealed class SafetensorsFile : IWeightSource
{
    private const ulong MaxHeaderLength = 100_000_000;

    private readonly IReadOnlyDictionary<string, SafetensorsEntry> _entries;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly long _dataStart;
    private readonly FileVersion _version;

    private SafetensorsFile(string path, SafetensorsHeader header, long dataStart, FileVersion version)
        => (Path, _entries, Metadata, _dataStart, _version) = (path, header.Entries, header.Metadata, dataStart, version);

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>The header's <c>__metadata__</c>; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => (IReadOnlyCollection<string>)_entries.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Untaken => _entries.Keys.Where(name => !_taken.Contains(name));

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="ModelFormatException">The file is missing or breaks any rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        using var file = InputFile.Open(path);
        var version = FileVersion.Of(file);
        long length = version.Length;
        if (length < 8) throw new ModelFormatException(path, $"header too small: the file has {length} bytes, a safetensors file at least 8");
        Span<byte> prefix = stackalloc byte[8];
        InputFile.ReadAt(path, file, prefix, 0);
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > MaxHeaderLength)
            throw new ModelFormatException(path, $"header too large: {headerLength} bytes, at most {MaxHeaderLength} are allowed (is this a safetensors file?)");
        if ((long)headerLength + 8 > length)
            throw new ModelFormatException(path, $"invalid header length: {headerLength} bytes in a file of {length}; copy or download it again");
        var json = new byte[headerLength];
        InputFile.ReadAt(path, file, json, 8);
        var header = SafetensorsHeader.Parse(path, json);
        CheckLayout(path, header.Entries.Values, (ulong)length - 8 - headerLength);
        return new SafetensorsFile(path, header, 8 + (long)headerLength, version);
    }

    /// <inheritdoc/>
    public WeightSlice Take(string name)
    {
        if (!_entries.TryGetValue(name, out var entry)) throw new ModelFormatException(Path, $"has no tensor \"{name}\"");
        _taken.Add(name);
        var dtype = SafetensorsTypes.Parse(entry.DType);
        if (dtype == DType.Other) throw new ModelFormatException(Path, $"tensor \"{name}\" is {entry.DType}; weights must be F32, BF16 or F16");
        return new WeightSlice(Path, name, dtype, [.. entry.Shape.Select(size => (long)size)], _dataStart + (long)entry.Begin, _version);
    }

    private static void CheckLayout(string path, IEnumerable<SafetensorsEntry> entries, ulong dataLength)
    {
        ulong end = 0;
        foreach (var entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End).ThenBy(e => e.Name, StringComparer.Ordinal))
        {
            if (entry.Begin != end || entry.End < entry.Begin)
            {
                throw new ModelFormatException(path,
                    $"invalid offset for tensor \"{entry.Name}\": it lies at [{entry.Begin}, {entry.End}], but must begin at {end}, where the tensor before it ends");
            }
            if (Bits(entry) is not { } bits)
                throw new ModelFormatException(path, $"overflow computing the size of tensor \"{entry.Name}\" of shape [{string.Join(", ", entry.Shape)}]");
            if (bits % 8 != 0)
                throw new ModelFormatException(path, $"tensor \"{entry.Name}\" of {entry.DType} does not end at a whole byte");
            if (entry.End - entry.Begin != bits / 8)
            {
                throw new ModelFormatException(path, $"invalid shape, data type, or offset for tensor \"{entry.Name}\": "
                    + $"{entry.DType} [{string.Join(", ", entry.Shape)}] needs {bits / 8} bytes, its offsets hold {entry.End - entry.Begin}");
            }
            end = entry.End;
        }
        if (end != dataLength)
            throw new ModelFormatException(path, $"incomplete metadata, file not fully covered: the tensors need {end} bytes behind the header, where the file has {dataLength}; copy or download it again");
    }

    /// <summary>Product of the shape times the bits of one element; null where it does not fit.</summary>
    private static ulong? Bits(SafetensorsEntry entry)
    {
        UInt128 count = 1;
        foreach (ulong size in entry.Shape)
        {
            count *= size;
            if (size > long.MaxValue || count > ulong.MaxValue) return null;
        }
        UInt128 bits = count * (uint)entry.Bits;
        return bits > ulong.MaxValue ? null : (ulong)bits;
    }
}
