using System.Text.Json;
using System.Text.Unicode;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>One tensor as a safetensors header declares it; offsets count from the first data byte.</summary>
internal sealed record SafetensorsEntry(string Name, string DType, int Bits, ulong[] Shape, ulong Begin, ulong End);

/// <summary>Parses the JSON of a safetensors header, strictly: what the format does not allow is refused, duplicates included.</summary>
internal sealed class SafetensorsHeader
{
    private const int MaxDepth = 32;

    /// <summary>What a header may hold at most, so that a file of lies takes no more memory than a few times its length. Published shards have below 10,000 tensors.</summary>
    private const int MaxTensors = 200_000, MaxDimensions = 64, MaxMetadata = 100_000;

    private readonly string _path;
    private readonly Dictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private bool _metadataSeen;

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>Entries by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    /// <summary>The map under <c>__metadata__</c>, empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <exception cref="ModelFormatException">Not UTF-8, not JSON, or not of the header's form.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json)
    {
        var header = new SafetensorsHeader(path);
        if (!Utf8.IsValid(json)) throw header.Bad("invalid UTF-8 in header");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            header.ReadRoot(ref reader);
            if (reader.Read()) throw header.Bad("invalid JSON in header: something follows the closing brace");
        }
        // GetString throws InvalidOperationException for an escaped half of a surrogate pair.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException(path, $"invalid JSON in header: {error.Message}", error);
        }
        return header;
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw Bad("invalid JSON in header: expected an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "__metadata__") ReadMetadata(ref reader);
            else if (_entries.Count == MaxTensors) throw Bad($"lists more than {MaxTensors} tensors in its header");
            else if (!_entries.TryAdd(name, ReadEntry(ref reader, name))) throw Bad($"tensor \"{name}\" is listed twice in the header");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_metadataSeen) throw Bad("__metadata__ is listed twice in the header");
        _metadataSeen = true;
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad("invalid JSON in header: __metadata__ must be an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Bad($"invalid JSON in header: the value of __metadata__ \"{key}\" must be a string");
            if (_metadata.Count == MaxMetadata) throw Bad($"has more than {MaxMetadata} entries under __metadata__");
            if (!_metadata.TryAdd(key, reader.GetString()!)) throw Bad($"__metadata__ has \"{key}\" twice");
        }
    }

    private SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad($"invalid JSON in header: tensor \"{name}\" must be an object");
        string? dtype = null;
        ulong[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            bool repeated = false;
            switch (field)
            {
                case "dtype": (repeated, dtype) = (dtype is not null, ReadDType(ref reader, name)); break;
                case "shape": (repeated, shape) = (shape is not null, ReadSizes(ref reader, name, field)); break;
                case "data_offsets": (repeated, offsets) = (offsets is not null, ReadSizes(ref reader, name, field)); break;
                default: reader.Skip(); break;
            }
            if (repeated) throw Bad($"tensor \"{name}\" has \"{field}\" twice in the header");
        }
        if (dtype is null || shape is null || offsets is null)
        {
            string missing = dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw Bad($"invalid JSON in header: tensor \"{name}\" has no {missing}");
        }
        if (offsets.Length != 2) throw Bad($"invalid JSON in header: data_offsets of tensor \"{name}\" must be two numbers, found {offsets.Length}");
        return new SafetensorsEntry(name, dtype, SafetensorsTypes.BitsOf(dtype), shape, offsets[0], offsets[1]);
    }

    private string ReadDType(ref Utf8JsonReader reader, string name)
    {
        string? dtype = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        if (dtype is not null && SafetensorsTypes.Shared(dtype) is { } known) return known;
        throw Bad($"invalid JSON in header: tensor \"{name}\" has unknown dtype {(dtype is null ? reader.TokenType.ToString() : $"\"{dtype}\"")}");
    }

    private ulong[] ReadSizes(ref Utf8JsonReader reader, string name, string field)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Bad($"invalid JSON in header: {field} of tensor \"{name}\" must be an array");
        var sizes = new List<ulong>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out ulong size))
                throw Bad($"invalid JSON in header: {field} of tensor \"{name}\" must hold integers of at least 0");
            if (sizes.Count == MaxDimensions) throw Bad($"invalid JSON in header: {field} of tensor \"{name}\" has more than {MaxDimensions} numbers");
            sizes.Add(size);
        }
        return [.. sizes];
    }

    private ModelFormatException Bad(string problem) => new(_path, problem);
}
