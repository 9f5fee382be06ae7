using System.Text.Json;
using System.Text.Json.Nodes;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;

namespace SparseRM.Core.Tests.Models;

/// <summary>Which fields of config.json matter: what the family's code reads is understood or refused, all else is ignored and listed.</summary>
public sealed class ConfigFieldTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ModelConfig Read(string family, params (string Field, string Json)[] changes)
    {
        var config = JsonNode.Parse(File.ReadAllText(SharedData.Shipped("goldens", "models", family, "config.json")))!.AsObject();
        foreach (var (field, json) in changes) config[field] = JsonNode.Parse(json);
        File.WriteAllText(_folder.File("config.json"), config.ToJsonString());
        return ArchitectureCatalog.Read(_folder.Path);
    }

    private static string Plain(ModelConfig config) => string.Join('|', config with { IgnoredFields = [], LayerWindows = [], Ropes = [], LayerRopes = [] },
        string.Join(',', config.LayerWindows), string.Join(',', config.Ropes), string.Join(',', config.LayerRopes));

    [Theory]
    [InlineData("gemma2", "sliding_window_size", "4096")]
    [InlineData("gemma2", "new_field", "3")]
    [InlineData("llama2", "is_llama_config", "true")]
    [InlineData("llama2", "sliding_window", "16")] // Llama's code has no window
    [InlineData("llama2", "layer_types", "null")]
    [InlineData("llama2", "max_length", "4096")]
    [InlineData("llama2", "torchscript", "false")]
    [InlineData("mistral", "attention_bias", "true")] // Mistral's code has no biases
    [InlineData("qwen2", "unsloth_fixed", "true")]
    [InlineData("qwen3", "auto_map", "{\"AutoModel\":\"x.Y\"}")]
    [InlineData("gemma3", "vision_tower", "\"none\"")]
    public void A_field_that_no_code_of_the_family_reads_is_ignored_and_listed(string family, string field, string value)
    {
        var config = Read(family, (field, value));
        Assert.Equal(Plain(Read(family)), Plain(config));
        Assert.Contains(field, config.IgnoredFields);
        Assert.DoesNotContain("hidden_size", config.IgnoredFields);
        Assert.DoesNotContain("torch_dtype", config.IgnoredFields);
    }

    [Fact]
    public void A_section_s_unknown_field_is_listed_under_its_full_name()
        => Assert.Contains("rope_scaling.beta", Read("llama2", ("rope_scaling", """{"rope_type":"linear","factor":8,"beta":1}""")).IgnoredFields);

    [Theory]
    [InlineData("use_mrope", "false")]
    [InlineData("rope_interleaved", "false")]
    [InlineData("quantization_config", "null")]
    [InlineData("quantization_config", "{}")]
    [InlineData("quantization_config", """{"quant_method":"bitsandbytes","load_in_4bit":false,"load_in_8bit":false}""")]
    [InlineData("rope_scaling", "null")]
    [InlineData("num_experts", "0")]
    [InlineData("residual_multiplier", "1.0")]
    [InlineData("partial_rotary_factor", "1.0")]
    [InlineData("no_rope_layers", "[]")]
    [InlineData("use_bidirectional_attention", "null")]
    public void What_is_off_is_off(string field, string value) => Assert.Equal(Plain(Read("llama2")), Plain(Read("llama2", (field, value))));

    [Theory]
    [InlineData("llama2", "rope_interleaved", "true", "rope_interleaved")]
    [InlineData("qwen2", "use_mrope", "true", "use_mrope")]
    [InlineData("qwen2", "rope_parameters", """{"rope_type":"default","rope_theta":1e4,"mrope_section":[1,2,1]}""", "rope_parameters.mrope_section")]
    [InlineData("qwen2", "rope_scaling", """{"type":"yarn","factor":4.0}""", "rope_scaling")]
    [InlineData("gemma3", "rope_scaling", """{"rope_type":"linear","factor":3.0}""", "rope_scaling")]
    [InlineData("llama2", "num_local_experts", "8", "num_local_experts")]
    [InlineData("llama2", "residual_multiplier", "0.22", "residual_multiplier")]
    [InlineData("llama2", "partial_rotary_factor", "0.5", "partial_rotary_factor")]
    [InlineData("llama2", "no_rope_layers", "\"x\"", "no_rope_layers")]
    [InlineData("gemma3", "use_bidirectional_attention", "true", "use_bidirectional_attention")]
    [InlineData("llama2", "quantization_config", """{"quant_method":"gptq","bits":4}""", "\"quantization_config.quant_method\" is \"gptq\"")]
    [InlineData("llama2", "quantization_config", """{"quant_method":"awq"}""", "\"awq\"")]
    [InlineData("llama2", "quantization_config", """{"quant_method":"compressed-tensors"}""", "\"compressed-tensors\"")]
    [InlineData("llama2", "quantization_config", """{"load_in_4bit":true}""", "\"bitsandbytes\"")]
    [InlineData("llama2", "quantization_config", """{"quant_method":"fp8"}""", "weight_block_size")]
    [InlineData("llama2", "quantization_config", """{"quant_method":"fp8","weight_block_size":[128,128],"fmt":"e5m2"}""", "\"quantization_config.fmt\"")]
    [InlineData("llama2", "model_type", "\"mixtral\"", "\"model_type\" is \"mixtral\": a mixture of experts")]
    [InlineData("llama2", "model_type", "\"qwen3_moe\"", "a mixture of experts")]
    [InlineData("llama2", "model_type", "\"qwen3_5\"", "a hybrid of attention and linear attention")]
    [InlineData("llama2", "model_type", "\"qwen3_next\"", "a hybrid of attention and linear attention")]
    [InlineData("qwen3", "layer_types", """["linear_attention","linear_attention","linear_attention","full_attention"]""", "linear_attention")]
    [InlineData("llama2", "num_hidden_layers", "2147483647", "\"num_hidden_layers\" must be a whole number from 1 to 4096")]
    [InlineData("llama2", "num_hidden_layers", "2147483648", "\"num_hidden_layers\"")]
    [InlineData("llama2", "vocab_size", "2000000000", "\"vocab_size\"")]
    [InlineData("llama2", "head_dim", "1048576", "\"head_dim\"")]
    [InlineData("llama2", "rms_norm_eps", "0", "\"rms_norm_eps\"")]
    [InlineData("llama2", "num_attention_heads", "2000000000", "\"num_attention_heads\"")]
    public void What_makes_another_model_is_refused_by_name(string family, string field, string value, string named)
    {
        string message = Assert.Throws<ModelFormatException>(() => Read(family, (field, value))).Message;
        Assert.Contains(named, message);
        Assert.StartsWith(_folder.File("config.json"), message);
    }

    [Fact]
    public void Fp8_in_blocks_is_understood()
        => Assert.Equal(new Fp8Block(64, 32), Read("llama2", ("quantization_config", """{"quant_method":"fp8","activation_scheme":"dynamic","fmt":"e4m3","weight_block_size":[64,32]}""")).Fp8Block);

    public static TheoryData<string> Cases => ["gemma2-dead-window-field", "llama-interleaved-off", "llama-sequence-classification", "qwen2-mrope-off", "qwen2-mrope-on", "weights-without-model-prefix"];

    [Theory, MemberData(nameof(Cases))]
    public void The_field_cases_load_or_are_refused_as_they_should(string name)
    {
        string folder = SharedData.Shared("field", "configs", name);
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expect.json")));
        if (expected.RootElement.GetProperty("loads").GetBoolean())
        {
            string weights = SharedData.Shipped(expected.RootElement.GetProperty("weights").GetString()!.Split('/'));
            Assert.Equal(Plain(ArchitectureCatalog.Read(weights)), Plain(ArchitectureCatalog.Read(folder)));
            return;
        }
        string message = Assert.Throws<ModelFormatException>(() => ArchitectureCatalog.Read(folder)).Message;
        Assert.Contains(expected.RootElement.GetProperty("names").GetString()!, message);
    }
}
