using SparseRM.Weights;

namespace SparseRM.Facade.Tests.Models;

/// <summary>MiniWorld's model written again in F32, with changed weights or in shards.</summary>
internal static class WeightEdits
{
    private const string File = "model.safetensors";

    /// <summary>A copy of the model whose tensor <paramref name="name"/> was changed; an empty name changes none.</summary>
    public static TemporaryFolder Changed(string name = "", Action<float[]>? change = null, string? model = null)
    {
        var folder = TemporaryFolder.CopyOf(model ?? World.Model);
        SafetensorsWriter.Write(folder.File(File), Tensors(name, change, model));
        return folder;
    }

    /// <summary>A copy of the model of whose tensor <paramref name="name"/> only the first rows are left.</summary>
    public static TemporaryFolder WithRows(string name, int rows)
    {
        var folder = TemporaryFolder.CopyOf(World.Model);
        SafetensorsWriter.Write(folder.File(File), [.. Tensors().Select(tensor => tensor.Name != name ? tensor
            : TensorToWrite.Singles(name, Take(name).ReadSingles().AsMemory(0, rows * (int)tensor.Shape[1]), rows, tensor.Shape[1]))]);
        return folder;
    }

    /// <summary>A copy in shards: <c>embedding.safetensors</c>, <c>block-0.safetensors</c> to <c>block-5.safetensors</c>, <c>rest.safetensors</c>.</summary>
    public static TemporaryFolder Sharded()
    {
        var folder = TemporaryFolder.CopyOf(World.Model);
        System.IO.File.Delete(folder.File(File));
        var shards = Tensors().GroupBy(tensor => ShardOf(tensor.Name)).ToArray();
        foreach (var shard in shards) SafetensorsWriter.Write(folder.File(shard.Key), [.. shard]);
        var map = shards.SelectMany(shard => shard, (shard, tensor) => $"\"{tensor.Name}\": \"{shard.Key}\"");
        System.IO.File.WriteAllText(folder.File(File + ".index.json"), "{\"weight_map\": {" + string.Join(',', map) + "}}");
        return folder;
    }

    private static string ShardOf(string name) => name.Split('.') switch
    {
        ["model", "layers", var block, ..] => $"block-{block}.safetensors",
        ["model", "embed_tokens", ..] => "embedding.safetensors",
        _ => "rest.safetensors",
    };

    private static WeightSlice Take(string name) => SafetensorsFile.Open(Path.Combine(World.Model, File)).Take(name);

    private static TensorToWrite[] Tensors(string name = "", Action<float[]>? change = null, string? model = null)
    {
        var file = SafetensorsFile.Open(Path.Combine(model ?? World.Model, File));
        return [.. file.Names.Select(file.Take).Select(slice =>
        {
            var values = slice.ReadSingles();
            if (slice.Name == name) change!(values);
            return TensorToWrite.Singles(slice.Name, values, [.. slice.Shape]);
        })];
    }
}
