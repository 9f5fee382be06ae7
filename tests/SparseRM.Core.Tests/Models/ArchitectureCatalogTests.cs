using System.Text.Json;
using System.Text.Json.Nodes;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;

namespace SparseRM.Core.Tests.Models;

public class ArchitectureCatalogTests
{
    public static readonly TheoryData<string> Families = [.. Directory.EnumerateDirectories(SharedData.Shipped("goldens", "models")).Select(f => Path.GetFileName(f)!).Order()];

    [Theory, MemberData(nameof(Families))]
    public void Both_dialects_of_a_config_mean_the_same_model(string family)
    {
        string folder = SharedData.Shipped("goldens", "models", family);
        string other = Directory.EnumerateFiles(folder, "config.v*.json").Single();
        using var copy = new TemporaryFolder();
        File.Copy(other, copy.File("config.json"));
        Assert.Equal(Described(ArchitectureCatalog.Read(folder)), Described(ArchitectureCatalog.Read(copy.Path)));
    }

    [Fact]
    public void Gemma2_slides_on_even_layers_and_scales_by_its_own_scalar()
    {
        var config = ArchitectureCatalog.Read(SharedData.Shipped("goldens", "models", "gemma2"));
        Assert.Equal([16, 0, 16, 0], config.LayerWindows);
        Assert.Equal(0.125f, config.QueryScale); // 1 / sqrt(64), not 1 / sqrt(d_head = 32)
        Assert.Equal(6f, config.AttnLogitSoftcap);
        Assert.True(config.PostNorms && config.RmsNormUnitOffset && config.ScaleEmbedding);
    }

    [Fact]
    public void Gemma2_9B_multiplies_embeddings_by_the_rounded_root()
    {
        var config = ArchitectureCatalog.Read(SharedData.Shipped("goldens", "models", "gemma2")) with { DModel = 3584 };
        Assert.Equal(59.75f, config.EmbeddingScale(SparseRM.Tensors.DType.BF16));
        Assert.Equal(59.866516f, config.EmbeddingScale(SparseRM.Tensors.DType.F32), 4);
    }

    [Fact]
    public void Gemma3_has_a_rotary_table_for_each_kind_of_layer()
    {
        var config = ArchitectureCatalog.Read(SharedData.Shipped("goldens", "models", "gemma3"));
        Assert.Equal([1, 1, 1, 1, 1, 0, 1], config.LayerRopes);
        Assert.Equal([1e6, 1e4], config.Ropes.Select(rope => rope.Theta));
    }

    [Fact]
    public void A_multimodal_gemma3_folder_leaves_out_what_the_class_defaults_say()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), """
            {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "boi_token_index": 255999, "eoi_token_index": 256000,
             "eos_token_id": [1, 106], "image_token_index": 262144, "initializer_range": 0.02, "mm_tokens_per_image": 256, "torch_dtype": "bfloat16",
             "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
                             "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
             "transformers_version": "4.50.0.dev0", "vision_config": {"hidden_size": 1152}}
            """);
        var config = ArchitectureCatalog.Read(folder.Path);
        Assert.Equal((8, 4, 256, 262208, 131072), (config.NHeads, config.NKvHeads, config.DHead, config.DVocab, config.NCtx));
        Assert.Equal((1024, 0), (config.LayerWindows[4], config.LayerWindows[5]));
        Assert.Equal(("linear", 8.0), (config.Ropes[0].Scaling.Kind, config.Ropes[0].Scaling.Factor));
        Assert.Equal(1e4, config.Ropes[1].Theta);
    }

    [Theory]
    [InlineData("gemma2", "attn_logit_softcapping", "50|16,0,16,0")] // left out: the class default
    [InlineData("gemma2", "attn_logit_softcapping=null", "0|16,0,16,0")]
    [InlineData("mistral", "sliding_window", "0|4096,4096,4096,4096")]
    [InlineData("mistral", "sliding_window=null", "0|0,0,0,0")]
    public void A_field_left_out_is_the_class_default_and_null_is_none(string family, string change, string expected)
    {
        using var copy = new TemporaryFolder();
        var json = JsonNode.Parse(File.ReadAllText(SharedData.Shipped("goldens", "models", family, "config.json")))!.AsObject();
        json.Remove(change.Split('=')[0]);
        if (change.EndsWith("=null", StringComparison.Ordinal)) json[change.Split('=')[0]] = null;
        File.WriteAllText(copy.File("config.json"), json.ToJsonString());
        var config = ArchitectureCatalog.Read(copy.Path);
        Assert.Equal(expected, $"{config.AttnLogitSoftcap}|{string.Join(',', config.LayerWindows)}");
    }

    [Theory]
    [InlineData("llama2", "model_type", "\"mamba\"", "mamba")]
    [InlineData("llama2", "quantization_config", "{\"bits\":4}", "quantization_config")]
    [InlineData("llama2", "hidden_size", "\"64\"", "hidden_size")]
    [InlineData("llama2", "hidden_size", "0", "hidden_size")]
    [InlineData("llama2", "hidden_act", "\"relu6\"", "relu6")]
    [InlineData("llama2", "mlp_bias", "true", "mlp_bias")]
    [InlineData("llama2", "num_key_value_heads", "3", "num_key_value_heads")]
    [InlineData("llama31", "rope_scaling", "{\"rope_type\":\"longrope\",\"factor\":4}", "longrope")]
    [InlineData("llama31", "rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8}", "low_freq_factor")]
    [InlineData("gemma3", "layer_types", "[\"full_attention\"]", "layer_types")]
    [InlineData("gemma2", "rms_norm_eps", "1e400", "rms_norm_eps")]
    public void Refuses_by_name(string family, string field, string value, string named)
    {
        using var copy = new TemporaryFolder();
        var config = JsonNode.Parse(File.ReadAllText(SharedData.Shipped("goldens", "models", family, "config.json")))!.AsObject();
        config.Remove(field);
        string json = config.ToJsonString();
        File.WriteAllText(copy.File("config.json"), $"{json[..^1]},\"{field}\":{value}}}");
        var error = Assert.Throws<ModelFormatException>(() => ArchitectureCatalog.Read(copy.Path));
        Assert.Contains(named, error.Message);
        Assert.Contains("config.json", error.Message);
    }

    [Fact]
    public void The_teams_broken_configs_are_refused_for_what_they_are()
    {
        string folder = SharedData.Shared("bad", "hf-configs");
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "EXPECT.json")));
        foreach (var entry in expected.RootElement.EnumerateObject().Where(e => e.Name.StartsWith("model_config", StringComparison.Ordinal)))
        {
            var error = Assert.Throws<ModelFormatException>(() => ArchitectureCatalog.Read(Path.Combine(folder, entry.Name)));
            foreach (var name in entry.Value.GetProperty("names").EnumerateArray()) Assert.Contains(name.GetString()!, error.Message);
        }
    }

    private static string Described(ModelConfig config) => string.Join('|',
        config with { LayerWindows = [], Ropes = [], LayerRopes = [] },
        string.Join(',', config.LayerWindows), string.Join(',', config.Ropes), string.Join(',', config.LayerRopes));
}
