using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Models;

/// <summary>The same weights under the names that trainers and wrappers give them.</summary>
public sealed class TensorNamesTests : IDisposable
{
    private static readonly string s_model = SharedData.Shipped("goldens", "models", "llama2");
    private readonly TemporaryFolder _folder = new();

    public TensorNamesTests() => File.Copy(Path.Combine(s_model, "config.json"), _folder.File("config.json"));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model.", "")]
    [InlineData("model.", "_orig_mod.model.")]
    [InlineData("model.", "pretrained_model.model.")]
    [InlineData("model.", "base_model.model.model.")]
    [InlineData("model.", "module.pretrained_model._orig_mod.model.")]
    [InlineData("model.layers.", "model.layers._orig_mod.")]
    [InlineData(".self_attn.", "._orig_mod.self_attn.")]
    [InlineData("model.", "model.language_model.")]
    public void A_wrapper_s_prefix_changes_no_bit(string plain, string wrapped)
    {
        Rename(name => name.Replace(plain, wrapped, StringComparison.Ordinal));
        Assert.Equal(ModelState.Of(s_model), ModelState.Of(_folder.Path));
    }

    [Fact]
    public void A_head_of_a_sequence_classifier_or_of_trl_is_not_read()
    {
        Rename(name => name, TensorToWrite.Singles("score.weight", new float[64], 1, 64), TensorToWrite.Singles("v_head.summary.weight", new float[64], 1, 64));
        Assert.Equal(ModelState.Of(s_model), ModelState.Of(_folder.Path));
    }

    [Theory]
    [InlineData("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "merge_and_unload")]
    [InlineData("model.layers.0.self_attn.q_proj.base_layer.weight", "merge_and_unload")]
    [InlineData("model.layers.1.self_attn.sink.weight", "model.layers.1.self_attn.sink.weight")]
    [InlineData("pretrained_model.layers.1.mlp.gate.weight", "pretrained_model.layers.1.mlp.gate.weight")]
    [InlineData("_orig_mod.model.embed_tokens.weight", "in two wrappers")]
    public void What_would_change_the_model_is_refused_by_name(string name, string said)
    {
        Rename(n => n, TensorToWrite.Singles(name, new float[1], 1));
        Assert.Contains(said, Assert.Throws<ModelFormatException>(() => ModelState.Of(_folder.Path)).Message);
    }

    [Fact]
    public void A_missing_tensor_is_named_as_the_folder_would_call_it()
    {
        Rename(name => name.Contains("layers.1.mlp.up_proj", StringComparison.Ordinal) ? "other" : name.Replace("model.", "pretrained_model.model.", StringComparison.Ordinal));
        Assert.Contains("\"pretrained_model.model.layers.1.mlp.up_proj.weight\"", Assert.Throws<ModelFormatException>(() => ModelState.Of(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("""{"peft_type":"LORA","base_model_name_or_path":"acme/base","r":8}""", "LORA adapter (adapter_config.json), not a model: merge it into its base model \"acme/base\"")]
    [InlineData("{}", "merge_and_unload")]
    public void An_adapter_s_folder_is_refused_with_what_to_do(string config, string said)
    {
        File.WriteAllText(_folder.File("adapter_config.json"), config);
        Assert.Contains(said, Assert.Throws<ModelFormatException>(() => ModelState.Of(_folder.Path)).Message);
    }

    [Fact]
    public void The_field_case_without_a_prefix_loads()
    {
        string field = SharedData.Shared("field", "configs", "weights-without-model-prefix");
        string llama31 = SharedData.Shipped("goldens", "models", "llama31");
        File.Copy(Path.Combine(field, "config.json"), _folder.File("config.json"), overwrite: true);
        Rename(name => name.Replace("model.", "", StringComparison.Ordinal), llama31);
        Assert.Equal(ModelState.Of(llama31), ModelState.Of(_folder.Path));
    }

    private void Rename(Func<string, string> rename, params TensorToWrite[] others) => Rename(rename, s_model, others);

    private void Rename(Func<string, string> rename, string model, params TensorToWrite[] others)
        => SafetensorsWriter.Write(_folder.File("model.safetensors"), [.. ModelState.Renamed(model, rename), .. others]);
}
