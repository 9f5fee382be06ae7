using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using SparseRM.Demo;
using SparseRM.Fitting;

namespace SparseRM.HostBenchmarks;

/// <summary>A model folder of any size: Llama's shapes, bf16 noise for weights, the demo's tokenizer.</summary>
internal static class LargeModel
{
    private const int Width = 2048, Mlp = 5632, Heads = 32, Vocabulary = 32000;

    /// <summary>Writes config.json and model.safetensors.</summary>
    public static int Write(string folder, double gigabytes)
    {
        Directory.CreateDirectory(folder);
        long block = Block(0).Sum(tensor => Elements(tensor.Shape)) * 2, table = 2L * Vocabulary * Width;
        int layers = Math.Max(1, (int)Math.Round((gigabytes * 1e9 - table) / block));
        File.WriteAllText(Path.Combine(folder, "config.json"), string.Create(CultureInfo.InvariantCulture, $$"""
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {{Width}}, "intermediate_size": {{Mlp}}, "num_hidden_layers": {{layers}},
             "num_attention_heads": {{Heads}}, "num_key_value_heads": 8, "head_dim": {{Width / Heads}}, "vocab_size": {{Vocabulary}}, "max_position_embeddings": 4096,
             "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "bfloat16", "bos_token_id": 2, "eos_token_id": 1}
            """));
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json" })
            File.Copy(Path.Combine(MiniWorldDemo.Model, name), Path.Combine(folder, name), overwrite: true);
        var tensors = new List<(string Name, int[] Shape)> { ("model.embed_tokens.weight", [Vocabulary, Width]), ("model.norm.weight", [Width]) };
        for (int layer = 0; layer < layers; layer++) tensors.AddRange(Block(layer));
        long bytes = Save(Path.Combine(folder, "model.safetensors"), tensors);
        Console.WriteLine($"{folder}: {layers} blocks, {bytes / 1e9:0.00} GB");
        return 0;
    }

    /// <summary>The model's last block.</summary>
    public static int LastLayer(string folder) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json"))).RootElement.GetProperty("num_hidden_layers").GetInt32() - 1;

    private static IEnumerable<(string Name, int[] Shape)> Block(int layer)
    {
        string at = $"model.layers.{layer}.";
        int keys = 8 * Width / Heads;
        yield return ($"{at}input_layernorm.weight", [Width]);
        yield return ($"{at}self_attn.q_proj.weight", [Width, Width]);
        yield return ($"{at}self_attn.k_proj.weight", [keys, Width]);
        yield return ($"{at}self_attn.v_proj.weight", [keys, Width]);
        yield return ($"{at}self_attn.o_proj.weight", [Width, Width]);
        yield return ($"{at}post_attention_layernorm.weight", [Width]);
        yield return ($"{at}mlp.gate_proj.weight", [Mlp, Width]);
        yield return ($"{at}mlp.up_proj.weight", [Mlp, Width]);
        yield return ($"{at}mlp.down_proj.weight", [Width, Mlp]);
    }

    private static long Elements(int[] shape) => shape.Aggregate(1L, (product, size) => product * size);

    private static long Save(string path, List<(string Name, int[] Shape)> tensors)
    {
        long end = 0;
        var header = new Dictionary<string, object>();
        foreach (var (name, shape) in tensors)
            header[name] = new { dtype = "BF16", shape, data_offsets = new[] { end, end += Elements(shape) * 2 } };
        byte[] text = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(header)), length = new byte[8], noise = Noise();
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        using var file = File.Create(path);
        file.Write(length);
        file.Write(text);
        for (long left = end; left > 0; left -= noise.Length) file.Write(noise.AsSpan(0, (int)Math.Min(left, noise.Length)));
        return file.Length;
    }

    /// <summary>bf16 values of about 1/32 in size, whose sums over a row stay finite; an odd number of them, so that no two rows are equal.</summary>
    private static byte[] Noise()
    {
        byte[] noise = new byte[(1 << 22) + 2];
        var random = new SeededRandom(3);
        for (int i = 0; i < noise.Length; i += 2)
            BinaryPrimitives.WriteUInt16LittleEndian(noise.AsSpan(i), (ushort)(0x3D00 - random.NextInt(0x180) | (random.NextInt(2) << 15)));
        return noise;
    }
}
