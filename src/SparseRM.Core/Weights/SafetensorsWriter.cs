using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Writes safetensors files: the same content gives the same bytes.</summary>
/// <remarks>As the format's owner writes them: tensors by type (widest first), then by name; the header padded with spaces to 8 bytes.</remarks>
public static class SafetensorsWriter
{
    /// <summary>Writes to a temporary name in the same folder, then renames.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="tensors">In any order; names must differ.</param>
    /// <param name="metadata">Strings for <c>__metadata__</c>, written in ordinal order of their keys.</param>
    /// <exception cref="SparseRMException">The file cannot be written; nothing is left behind.</exception>
    /// <exception cref="ArgumentException">Two tensors have one name, or one is called <c>__metadata__</c>.</exception>
    public static void Write(string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata = null)
        => AtomicFile.Write(path, Content(path, tensors, metadata));

    /// <summary>Writes the bytes of <see cref="Write"/> to a stream; <paramref name="path"/> is for messages.</summary>
    internal static void WriteTo(Stream stream, string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata)
        => Content(path, tensors, metadata)(stream);

    private static Action<Stream> Content(string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var ordered = tensors.OrderByDescending(tensor => SafetensorsTypes.WritingRank(tensor.DType)).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToArray();
        if (ordered.GroupBy(tensor => tensor.Name).Any(group => group.Count() > 1 || group.Key == "__metadata__"))
            throw new ArgumentException("tensor names must differ, and none may be __metadata__", nameof(tensors));
        byte[] header = Header(ordered, metadata);
        if (header.Length > 100_000_000) throw new SparseRMException($"{path}: the header would have {header.Length} bytes, a safetensors header at most 100000000");
        return stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var tensor in ordered) tensor.WriteTo(stream);
        };
    }

    private static byte[] Header(TensorToWrite[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata);
            long end = 0;
            foreach (var tensor in tensors) WriteEntry(json, tensor, ref end);
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject("__metadata__");
        foreach (var (key, value) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal)) json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorToWrite tensor, ref long end)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.DType.Name());
        json.WriteStartArray("shape");
        foreach (long size in tensor.Shape) json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(end);
        json.WriteNumberValue(end += tensor.ByteLength);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
