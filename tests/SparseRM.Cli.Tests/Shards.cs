using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SparseRM.Cli.Tests;

/// <summary>Takes safetensors files apart and damages them.</summary>
internal static class Shards
{
    /// <summary>Splits a file into two shards with an index beside them; <paramref name="second"/> says what goes into the second.</summary>
    public static void Split(string path, Func<string, bool> second)
    {
        var (header, data) = Read(path);
        string folder = Path.GetDirectoryName(path)!;
        var map = new JsonObject();
        foreach (var (file, belongs) in new[] { ("model-00001-of-00002.safetensors", false), ("model-00002-of-00002.safetensors", true) })
        {
            var part = new JsonObject();
            using var bytes = new MemoryStream();
            foreach (var (name, entry) in header.Where(entry => entry.Key != "__metadata__" && second(entry.Key) == belongs)
                .OrderBy(entry => (long)entry.Value!["data_offsets"]![0]!))
            {
                long start = (long)entry!["data_offsets"]![0]!, end = (long)entry["data_offsets"]![1]!, at = bytes.Length;
                bytes.Write(data.AsSpan((int)start, (int)(end - start)));
                part[name] = new JsonObject
                {
                    ["dtype"] = entry["dtype"]!.DeepClone(), ["shape"] = entry["shape"]!.DeepClone(),
                    ["data_offsets"] = new JsonArray(at, bytes.Length)
                };
                map[name] = file;
            }
            Write(Path.Combine(folder, file), part, bytes.ToArray());
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"),
            new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        File.Delete(path);
    }

    /// <summary>Gives the first element of a BF16 tensor other bits: NaN, where nothing else is said.</summary>
    public static void PoisonBf16(string path, string tensor, ushort bits = 0x7FC0)
    {
        var (header, data) = Read(path);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan((int)(long)header[tensor]!["data_offsets"]![0]!), bits);
        Write(path, header, data);
    }

    /// <summary>Makes every element of a BF16 tensor 3.39e38, the largest there is.</summary>
    public static void InflateBf16(string path, string tensor)
    {
        var (header, data) = Read(path);
        for (int at = (int)(long)header[tensor]!["data_offsets"]![0]!; at < (long)header[tensor]!["data_offsets"]![1]!; at += 2)
            BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(at), 0x7F7F);
        Write(path, header, data);
    }

    /// <summary>Writes a file of F32 tensors.</summary>
    public static void Write(string path, params (string Name, long[] Shape, float[] Values)[] tensors)
    {
        var header = new JsonObject();
        using var bytes = new MemoryStream();
        foreach (var (name, shape, values) in tensors)
        {
            long at = bytes.Length;
            foreach (float value in values) bytes.Write(BitConverter.GetBytes(value));
            header[name] = new JsonObject
            {
                ["dtype"] = "F32", ["shape"] = new JsonArray([.. shape.Select(size => (JsonNode)size)]),
                ["data_offsets"] = new JsonArray(at, bytes.Length)
            };
        }
        Write(path, header, bytes.ToArray());
    }

    private static (JsonObject Header, byte[] Data) Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        return (JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject(), bytes[(8 + length)..]);
    }

    private static void Write(string path, JsonObject header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString(new JsonSerializerOptions { WriteIndented = false }));
        using var file = File.Create(path);
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        file.Write(data);
    }
}
