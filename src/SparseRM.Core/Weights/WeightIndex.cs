using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Weights;

/// <summary>The weights of a Hugging Face folder: <c>model.safetensors</c>, or shards named by <c>model.safetensors.index.json</c>.</summary>
/// <remarks>
/// A shard is opened when the first tensor of it is taken, so a folder that lacks the shards of later blocks serves the earlier ones.
/// Not thread-safe.
/// </remarks>
public sealed class WeightIndex : IWeightSource
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    /// <summary>Bytes of an index; that of a model with 90,000 tensors has 9 MB.</summary>
    private const int MaxIndexLength = 64 << 20;

    private readonly Dictionary<string, string> _shardOf;
    private readonly Dictionary<string, SafetensorsFile> _shards;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    private WeightIndex(string folder, Dictionary<string, string> shardOf, Dictionary<string, SafetensorsFile> shards)
        => (Path, _shardOf, _shards) = (folder, shardOf, shards);

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _shardOf.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Untaken => _shardOf.Keys.Where(name => !_taken.Contains(name));

    /// <summary>Opens the folder; of a sharded one only the index is read.</summary>
    /// <exception cref="ModelFormatException">No weights, a malformed index, or a malformed single file.</exception>
    public static WeightIndex Open(string folder)
    {
        if (!Directory.Exists(folder)) throw new ModelFormatException(folder, "there is no such folder; check the path");
        if (File.Exists(System.IO.Path.Combine(folder, SingleFile)))
        {
            var file = SafetensorsFile.Open(System.IO.Path.Combine(folder, SingleFile));
            return new WeightIndex(folder, file.Names.ToDictionary(name => name, _ => SingleFile, StringComparer.Ordinal), new() { [SingleFile] = file });
        }
        string index = System.IO.Path.Combine(folder, IndexFile);
        if (File.Exists(index)) return new WeightIndex(folder, ReadIndex(index), []);
        bool torch = Directory.EnumerateFiles(folder, "pytorch_model*.bin").Any();
        throw new ModelFormatException(folder, torch
            ? $"has only pytorch_model.bin weights; save the model again with safe_serialization, which writes {SingleFile}"
            : $"has neither {SingleFile} nor {IndexFile}; download one of them into the folder");
    }

    /// <inheritdoc/>
    /// <exception cref="ModelFormatException">The tensor is not listed, its shard is missing or malformed, or the shard lacks the tensor.</exception>
    public WeightSlice Take(string name)
    {
        if (!_shardOf.TryGetValue(name, out string? shard)) throw new ModelFormatException(Path, $"has no tensor \"{name}\"");
        if (!_shards.TryGetValue(shard, out var file)) _shards[shard] = file = OpenShard(shard, name);
        if (!file.Names.Contains(name))
            throw new ModelFormatException(file.Path, $"has no tensor \"{name}\", though {IndexFile} places it there; download both again");
        _taken.Add(name);
        return file.Take(name);
    }

    private SafetensorsFile OpenShard(string shard, string name)
    {
        string path = System.IO.Path.Combine(Path, shard);
        if (!File.Exists(path)) throw new ModelFormatException(path, $"this shard is missing and tensor \"{name}\" is in it; download it into the folder");
        return SafetensorsFile.Open(path);
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        var shardOf = new Dictionary<string, string>(StringComparer.Ordinal);
        var root = StrictJson.OpenObject(path, MaxIndexLength);
        if (!root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object) throw new ModelFormatException(path, "has no \"weight_map\" object");
        foreach (var entry in map.EnumerateObject())
        {
            string? shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
            if (!IsPlainName(shard))
                throw new ModelFormatException(path, $"weight_map \"{entry.Name}\" must be the plain name of a .safetensors file in the folder, found {StrictJson.Shown(entry.Value)}");
            shardOf.Add(entry.Name, shard!);
        }
        if (shardOf.Count == 0) throw new ModelFormatException(path, "weight_map is empty");
        return shardOf;
    }

    private static bool IsPlainName(string? name)
        => name is not null && name.EndsWith(".safetensors", StringComparison.Ordinal) && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
