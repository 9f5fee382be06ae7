using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Weights;

/// <summary>The weights of a Hugging Face folder: <c>model.safetensors</c> or <c>pytorch_model.bin</c>, or the shards that their <c>.index.json</c> names.</summary>
/// <remarks>
/// A shard is opened when the first tensor of it is taken, so a folder that lacks the shards of later blocks serves the earlier ones.
/// Safetensors go before torch files, of which nothing is executed (<see cref="TorchFile"/>). Not thread-safe.
/// </remarks>
public sealed class WeightIndex : IWeightSource
{
    private static readonly Kind[] s_kinds = [new("model.safetensors", ".safetensors", SafetensorsFile.Open), new("pytorch_model.bin", ".bin", TorchFile.Open)];

    /// <summary>Bytes of an index; that of a model with 90,000 tensors has 9 MB.</summary>
    private const int MaxIndexLength = 64 << 20;

    private readonly Kind _kind;
    private readonly Dictionary<string, string> _shardOf;
    private readonly Dictionary<string, IWeightSource> _shards;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    private WeightIndex(string folder, Kind kind, Dictionary<string, string> shardOf, Dictionary<string, IWeightSource> shards)
        => (Path, _kind, _shardOf, _shards) = (folder, kind, shardOf, shards);

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
        foreach (var kind in s_kinds)
        {
            string single = System.IO.Path.Combine(folder, kind.SingleFile), index = System.IO.Path.Combine(folder, kind.IndexFile);
            if (File.Exists(single))
            {
                var file = kind.Open(single);
                return new WeightIndex(folder, kind, file.Names.ToDictionary(name => name, _ => kind.SingleFile, StringComparer.Ordinal), new() { [kind.SingleFile] = file });
            }
            if (File.Exists(index)) return new WeightIndex(folder, kind, ReadIndex(index, kind), []);
        }
        throw new ModelFormatException(folder, $"has neither {string.Join(" nor ", s_kinds.Select(kind => $"{kind.SingleFile} ({kind.IndexFile})"))}; download the weights into the folder");
    }

    /// <inheritdoc/>
    /// <exception cref="ModelFormatException">The tensor is not listed, its shard is missing or malformed, or the shard lacks the tensor.</exception>
    public WeightSlice Take(string name)
    {
        if (!_shardOf.TryGetValue(name, out string? shard)) throw new ModelFormatException(Path, $"has no tensor \"{name}\"");
        if (!_shards.TryGetValue(shard, out var file)) _shards[shard] = file = OpenShard(shard, name);
        if (!file.Names.Contains(name))
            throw new ModelFormatException(file.Path, $"has no tensor \"{name}\", though {_kind.IndexFile} places it there; download both again");
        _taken.Add(name);
        return file.Take(name);
    }

    private IWeightSource OpenShard(string shard, string name)
    {
        string path = System.IO.Path.Combine(Path, shard);
        if (!File.Exists(path)) throw new ModelFormatException(path, $"this shard is missing and tensor \"{name}\" is in it; download it into the folder");
        return _kind.Open(path);
    }

    private static Dictionary<string, string> ReadIndex(string path, Kind kind)
    {
        var shardOf = new Dictionary<string, string>(StringComparer.Ordinal);
        var root = StrictJson.OpenObject(path, MaxIndexLength);
        if (!root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object) throw new ModelFormatException(path, "has no \"weight_map\" object");
        foreach (var entry in map.EnumerateObject())
        {
            string? shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
            if (!IsPlainName(shard, kind.Ending))
                throw new ModelFormatException(path, $"weight_map \"{entry.Name}\" must be the plain name of a {kind.Ending} file in the folder, found {StrictJson.Shown(entry.Value)}");
            shardOf.Add(entry.Name, shard!);
        }
        if (shardOf.Count == 0) throw new ModelFormatException(path, "weight_map is empty");
        return shardOf;
    }

    private static bool IsPlainName(string? name, string ending)
        => name is not null && name.EndsWith(ending, StringComparison.Ordinal) && name.AsSpan().IndexOfAny("/\\:\0") < 0;

    /// <summary>A way to store weights: the one file, the ending of its shards, and who reads them.</summary>
    private sealed record Kind(string SingleFile, string Ending, Func<string, IWeightSource> Open)
    {
        public string IndexFile => SingleFile + ".index.json";
    }
}
