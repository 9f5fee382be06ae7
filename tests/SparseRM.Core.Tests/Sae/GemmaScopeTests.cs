using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Gemma Scope and Gemma Scope 2: refusals, and what the config says of the place and the model.</summary>
public sealed class GemmaScopeTests : IDisposable
{
    private readonly TinySae _sae = new();

    public void Dispose() => _sae.Dispose();

    private static TensorToWrite Vector(string name, params float[] values) => TensorToWrite.Singles(name, values, values.Length);

    private void Gemma(string file, params TensorToWrite[] others) => _sae.Standard(file, [Vector("threshold", 1, 2, 3), .. others]);

    [Fact]
    public void Gemma_scope_2_takes_the_layer_from_its_config()
    {
        Gemma("layer_3_width_16k_l0_small/params.safetensors");
        Assert.Equal(3, _sae.Open("layer_3_width_16k_l0_small").Layer);
        _sae.Write("layer_3_width_16k_l0_small/config.json", """{"hf_hook_point_in":"model.layers.4.output","hf_hook_point_out":"model.layers.4.output","type":"sae","width":3,"l0":20,"architecture":"jump_relu","affine_connection":false,"model_name":"m"}""");
        var sae = _sae.Open("layer_3_width_16k_l0_small/params.safetensors");
        Assert.Equal((4, "model.layers.4.output"), (sae.Layer, sae.HookName));
        Assert.Equal(TinySae.BEnc, sae.BEnc);
    }

    [Theory]
    [InlineData("""{"hf_hook_point_in":"model.layers.4.output","hf_hook_point_out":"model.layers.4.mlp"}""", "\"hf_hook_point_out\"")]
    [InlineData("""{"hf_hook_point_in":"model.layers.4.self_attn.o_proj.input"}""", "\"hf_hook_point_in\"")]
    [InlineData("""{"type":"transcoder"}""", "\"type\" is \"transcoder\"")]
    [InlineData("""{"architecture":"topk"}""", "\"architecture\" is \"topk\"")]
    [InlineData("""{"affine_connection":true}""", "\"affine_connection\" is true")]
    [InlineData("""{"width":4}""", "\"width\" is 4")]
    public void Refuses_gemma_scope_configs_by_field(string config, string expected)
    {
        Gemma("params.safetensors");
        _sae.Write("config.json", config);
        Assert.Contains(expected, _sae.Refusal());
    }

    [Theory]
    [InlineData("transcoder_all/layer_3/params.safetensors", "transcoder_all")]
    [InlineData("gemma-scope-2b-pt-mlp/layer_3/params.safetensors", "gemma-scope-2b-pt-mlp")]
    [InlineData("models--google--gemma-scope-2b-pt-att/snapshots/x/layer_3/params.safetensors", "gemma-scope-2b-pt-att")]
    [InlineData("embedding/params.safetensors", "embedding")]
    public void Refuses_gemma_scope_saes_of_other_places(string file, string expected)
    {
        Gemma(file);
        Assert.Contains(expected, _sae.Refusal(file));
        Assert.Contains("not an SAE of the residual stream", _sae.Refusal(file));
    }

    [Fact]
    public void Refuses_gemma_scope_transcoders_and_scaling_factors()
    {
        Gemma("params.safetensors", Vector("affine_skip_connection", 1));
        Assert.Contains("\"affine_skip_connection\"", _sae.Refusal());
        Gemma("params.safetensors", Vector("scaling_factor", 2, 2, 2));
        Assert.Contains("\"scaling_factor\" is not all ones", _sae.Refusal());
    }

    [Fact]
    public void Gemma_scope_2_names_the_model_and_lists_what_it_does_not_know()
    {
        Gemma("params.safetensors");
        _sae.Write("config.json", """{"hf_hook_point_in":"model.layers.4.output","model_name":"google/gemma-3-1b-pt","l0":20,"what":4}""");
        var sae = _sae.Open();
        Assert.Equal("google/gemma-3-1b-pt", sae.ModelName);
        Assert.Equal(["what"], sae.IgnoredFields);
    }

    [Theory]
    [InlineData("google/gemma-3-1b-it", "gemma3_text", "models--google--gemma-3-1b-pt", null)]
    [InlineData("google/gemma-3-1b-it", "gemma3_text", "my-model", null)]
    [InlineData("m", "llama", "anything", null)]
    [InlineData("google/gemma-3-1b-it", "gemma2", "my-model", "the model is of the family gemma2")]
    [InlineData("google/gemma-3-1b-it", "gemma3_text", "google/gemma-3-4b-it", "the model is called \"google/gemma-3-4b-it\"")]
    [InlineData("google/gemma-3-4b-it", "gemma3_text", "models--google--gemma-3-270m", "the model is called \"models--google--gemma-3-270m\"")]
    public void Gemma_scope_2_is_held_against_the_model(string named, string family, string called, string? problem)
    {
        Gemma("params.safetensors");
        _sae.Write("config.json", $$"""{"hf_hook_point_in":"model.layers.4.output","model_name":"{{named}}"}""");
        string? found = SaeModelName.Contradiction(_sae.Open(), Model(family), [called]);
        if (problem is null) Assert.Null(found);
        else Assert.Equal($"\"model_name\" is \"{named}\", and {problem}", found);
    }

    [Fact]
    public void Gemma_scope_2_is_held_against_the_models_sizes()
    {
        Gemma("params.safetensors");
        _sae.Write("config.json", """{"hf_hook_point_in":"model.layers.4.output","model_name":"google/gemma-3-1b-it"}""");
        Assert.Null(SaeModelName.Contradiction(_sae.Open(), Model("gemma3_text") with { DModel = 1152, NLayers = 26 }, []));
        Assert.Contains("the 34 blocks of width 2560 of gemma3 4b", SaeModelName.Contradiction(_sae.Open(), Model("gemma3_text") with { DModel = 2560, NLayers = 34 }, []));
    }

    private static SparseRM.Models.ModelConfig Model(string family) => new()
    {
        Family = family, NLayers = 6, DModel = 2, NHeads = 1, NKvHeads = 1, DHead = 2, DMlp = 2, DVocab = 2, NCtx = 8, RmsNormEps = 1e-6f, QueryScale = 1,
        LayerWindows = new int[6], Ropes = [], LayerRopes = new int[6], Activation = SparseRM.Backends.GatedActivationKind.Silu,
    };

    [Fact]
    public void A_link_to_a_folder_says_the_layer_of_what_it_points_to()
    {
        Gemma("scope/layer_20/width_16k/average_l0_71/params.safetensors");
        Directory.CreateSymbolicLink(_sae.File("mine"), _sae.File("scope/layer_20/width_16k/average_l0_71"));
        Assert.Equal(20, _sae.Open("mine").Layer);
        Assert.Equal(20, _sae.Open("mine/params.safetensors").Layer);
        Directory.CreateSymbolicLink(_sae.File("layer_3"), _sae.File("scope/layer_20"));
        Assert.Equal(20, _sae.Open("layer_3/width_16k/average_l0_71").Layer);
        Gemma("store/5f1e/params.safetensors");
        Directory.CreateSymbolicLink(_sae.File("layer_7"), _sae.File("store/5f1e"));
        Assert.Equal(7, _sae.Open("layer_7").Layer);
        Gemma("gemma-scope-2b-pt-mlp/layer_1/params.safetensors");
        Directory.CreateSymbolicLink(_sae.File("innocent"), _sae.File("gemma-scope-2b-pt-mlp/layer_1"));
        Assert.Contains("not an SAE of the residual stream", _sae.Refusal("innocent"));
    }
}
