using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

public sealed class SaeLensTests : IDisposable
{
    private const string Weights = "sae_weights.safetensors";
    private readonly TinySae _sae = new();

    public void Dispose() => _sae.Dispose();

    private SparseAutoencoder Open(string config, params TensorToWrite[] others)
    {
        _sae.Write("cfg.json", config);
        _sae.Standard(Weights, others);
        return _sae.Open();
    }

    private string Refusal(string config, params TensorToWrite[] others)
    {
        _sae.Write("cfg.json", config);
        _sae.Standard(Weights, others);
        return _sae.Refusal();
    }

    [Fact]
    public void B_dec_is_folded_into_b_enc_and_matrices_stay_in_the_file()
    {
        var sae = Open("""{"metadata":{"hook_name":"blocks.7.hook_resid_post"}}""");
        Assert.Equal((2, 3, (int?)7), (sae.DIn, sae.DSae, sae.Layer));
        // b_dec @ W_enc = [1-4, 2-5, 3-6]
        Assert.Equal([3.5f, 3f, 2f], sae.BEnc);
        Assert.Null(sae.EncoderScale);
        Assert.False(sae.EncoderIsTransposed || sae.DecoderIsTransposed);
        Assert.Equal(_sae.File(Weights), sae.WEnc.Path);
        Assert.True(sae.WEnc.FileOffset > 0);
        Assert.Equal([0f, 2, 3, 4], sae.ReadDirections([1, 0]));
        Assert.Equal(TinySae.BEnc, Open("""{"apply_b_dec_to_input":false}""").BEnc);
    }

    [Fact]
    public void Rescaled_topk_multiplies_by_decoder_norms()
    {
        var sae = Open("""{"architecture":"topk","k":2,"rescale_acts_by_decoder_norm":true,"apply_b_dec_to_input":false}""");
        Assert.Equal([5f, 2, 1], sae.EncoderScale!);
        Assert.Equal([2.5f, 0, -1], sae.BEnc);
        Assert.Equal([0.6f, 0.8f, 0, 1, 1, 0], sae.ReadDirections([0, 1, 2]));
        Assert.Equal(new SaeActivation.TopK(2), sae.Activation);
    }

    [Theory]
    [InlineData("""{"hook_point":"blocks.3.hook_resid_pre","hook_point_layer":3,"hook_point_head_index":null,"normalize_activations":false,"l1_coefficient":8e-5}""", 2, "relu")]
    [InlineData("""{"architecture":"standard","activation_fn_str":"topk","activation_fn_kwargs":{"k":2},"hook_name":"blocks.0.hook_resid_post","normalize_activations":null}""", 0, "topk")]
    [InlineData("""{"hook_name":"model.layers.5","d_in":2,"d_sae":3}""", 5, "relu")]
    public void Reads_configs_from_before_version_6(string config, int layer, string activation)
    {
        var sae = Open(config);
        Assert.Equal((layer, activation), (sae.Layer, sae.Activation.Name));
    }

    [Fact]
    public void Old_log_thresholds_and_scaling_factors_of_ones_are_read()
    {
        var sae = Open("""{"architecture":"jumprelu"}""",
            TensorToWrite.Singles("log_threshold", new[] { 0f, 1f, -1f }, 3), TensorToWrite.Singles("scaling_factor", new[] { 1f, 1f, 1f }, 3));
        Assert.Equal([1f, MathF.E, 1 / MathF.E], Assert.IsType<SaeActivation.JumpRelu>(sae.Activation).Threshold);
    }

    [Theory]
    [InlineData("""{"architecture":"batchtopk"}""", "\"architecture\" is \"batchtopk\"")]
    [InlineData("""{"architecture":"matching_pursuit"}""", "\"architecture\" is \"matching_pursuit\"")]
    [InlineData("""{"activation_fn":"tanh-relu"}""", "\"activation_fn\" is \"tanh-relu\"")]
    [InlineData("""{"architecture":"jumprelu","activation_fn":"topk","k":1}""", "contradicts architecture")]
    [InlineData("""{"normalize_activations":true}""", "\"expected_average_only_in\"")]
    [InlineData("""{"normalize_activations":"covariance_whitening"}""", "\"normalize_activations\" is \"covariance_whitening\"")]
    [InlineData("""{"reshape_activations":"hook_z"}""", "\"reshape_activations\" is \"hook_z\"")]
    [InlineData("""{"finetuning_scaling_factor":true}""", "\"finetuning_scaling_factor\" is true")]
    [InlineData("""{"d_out":2}""", "\"d_out\"")]
    [InlineData("""{"hook_name":"blocks.3.attn.hook_z"}""", "\"hook_name\" is \"blocks.3.attn.hook_z\"")]
    [InlineData("""{"hook_name":"blocks.0.hook_resid_pre"}""", "\"hook_name\" is \"blocks.0.hook_resid_pre\"")]
    [InlineData("""{"hook_name":"blocks.3.hook_resid_post_x"}""", "\"hook_name\"")]
    [InlineData("""{"metadata":{"hook_head_index":3}}""", "\"metadata.hook_head_index\" is 3")]
    [InlineData("""{"metadata":{"hook_name":"blocks.1.hook_resid_post","hook_name_out":"blocks.1.hook_mlp_out"}}""", "\"metadata.hook_name_out\"")]
    [InlineData("""{"d_in":3}""", "\"d_in\" is 3, but the tensors have 2")]
    [InlineData("""{"d_sae":-3}""", "\"d_sae\" must be a whole number")]
    [InlineData("""{"architecture":"topk"}""", "\"k\" is missing")]
    [InlineData("""{"architecture":"topk","k":0}""", "\"k\" is 0")]
    [InlineData("""{"architecture":"topk","k":4}""", "\"k\" is 4, but the SAE has 3")]
    [InlineData("""{"architecture":"topk","k":1.5}""", "\"k\" must be a whole number")]
    [InlineData("""{"architecture":7}""", "\"architecture\" must be a string, found 7")]
    [InlineData("""{"apply_b_dec_to_input":"yes"}""", "\"apply_b_dec_to_input\" must be true or false")]
    [InlineData("""{"k":1,"k":2}""", "Duplicate property 'k'")]
    [InlineData("""{"rescale_acts_by_decoder_norm":true}""", "\"rescale_acts_by_decoder_norm\"")]
    [InlineData("""[]""", "must be a JSON object")]
    [InlineData("""{""", "not valid JSON")]
    [InlineData("""{"architecture":"\ud800"}""", "a string in line 1 holds half of a surrogate pair")]
    public void Refuses_configs_by_field(string config, string expected) => Assert.Contains(expected, Refusal(config));

    [Fact]
    public void A_field_that_saelens_never_reads_is_ignored_and_listed()
    {
        var sae = Open("""{"fold_me":1,"lr":3,"metadata":{"model_name":"acme/m","anything":{"a":1}}}""");
        Assert.Equal(["fold_me"], sae.IgnoredFields);
        Assert.Equal("acme/m", sae.ModelName);
        Assert.Equal(Open("{}").BEnc, sae.BEnc);
    }

    [Fact]
    public void Refuses_tensors_by_name()
    {
        Assert.Contains("does not know: threshold", Refusal("{}", TensorToWrite.Singles("threshold", new float[3], 3)));
        Assert.Contains("\"scaling_factor\" is not all ones", Refusal("{}", TensorToWrite.Singles("scaling_factor", new float[3], 3)));
        Assert.Contains("no tensor \"threshold\"", Refusal("""{"architecture":"jumprelu"}"""));
        Assert.Contains("does not know: b_enc", Refusal("""{"architecture":"gated"}""",
            [.. new[] { "b_gate", "b_mag", "r_mag" }.Select(name => TensorToWrite.Singles(name, new float[3], 3))]));
        Assert.Contains("\"W_dec\" has shape [2, 3], expected [3, 2]", Refusal("{}", TensorToWrite.Singles("W_dec", TinySae.WDec, 2, 3)));
        Assert.Contains("\"W_enc\" has shape [6], expected a matrix", Refusal("{}", TensorToWrite.Singles("W_enc", TinySae.WEnc, 6)));
        Assert.Contains("\"W_enc\" has shape [0, 3], expected a matrix", Refusal("{}", TensorToWrite.Singles("W_enc", new float[0], 0, 3)));
        Assert.Contains("\"W_enc\" is I64", Refusal("{}", TensorToWrite.Integers("W_enc", new long[6], 2, 3)));
        Assert.Contains("overflows when exponentiated", Refusal("""{"architecture":"jumprelu"}""", TensorToWrite.Singles("log_threshold", new[] { 0f, 99f, 0f }, 3)));
        Assert.Contains("direction of length 0 (latent 1)", Refusal("""{"architecture":"topk","k":1,"rescale_acts_by_decoder_norm":true}""",
            TensorToWrite.Singles("W_dec", new float[] { 1, 1, 0, 0, 1, 1 }, 3, 2)));
    }

    [Theory]
    [InlineData("W_enc", 6, float.NaN)]
    [InlineData("W_dec", 6, float.PositiveInfinity)]
    [InlineData("b_enc", 3, float.NaN)]
    [InlineData("b_dec", 2, float.NegativeInfinity)]
    public void Refuses_weights_that_are_not_finite(string name, int count, float value)
    {
        var values = new float[count];
        values[1] = value;
        Assert.Contains($"\"{name}\" has", Refusal("""{"apply_b_dec_to_input":false}""", TensorToWrite.Singles(name, values, name switch { "W_enc" => [2, 3], "W_dec" => [3, 2], _ => [count] })));
    }

    [Fact]
    public void The_id_follows_the_content_not_the_place()
    {
        string id = Open("""{"metadata":{"hook_name":"blocks.1.hook_resid_post"}}""").Id;
        Assert.Matches("^saelens:[0-9a-f]{16}$", id);
        Assert.Equal(id, Open("""{"hook_name":"blocks.1.hook_resid_post"}""").Id);
        Assert.NotEqual(id, Open("""{"apply_b_dec_to_input":false}""").Id);
        Assert.NotEqual(id, Open("{}", TensorToWrite.Singles("b_dec", new float[] { 1, -2 }, 2)).Id);
    }

    [Fact]
    public void Refuses_folders_that_lack_a_part_and_the_newer_openmoss_format()
    {
        _sae.Standard(Weights);
        Assert.Contains("no cfg.json", _sae.Refusal());
        _sae.Write("config.json", "{}");
        Assert.Contains("newer OpenMOSS format", _sae.Refusal());
    }

    [Fact]
    public void Statistics_beside_it_are_not_read()
    {
        _sae.Write("sparsity.safetensors", "not read");
        _sae.Write("runner_cfg.json", "not read");
        Assert.Equal(3, Open("{}").DSae);
        Assert.Equal(3, _sae.Open(Weights).DSae);
        Assert.Equal(3, _sae.Open("cfg.json").DSae);
    }

    [Fact]
    public void Refuses_latents_outside_the_sae() => Assert.Throws<ArgumentOutOfRangeException>(() => Open("{}").ReadDirections([3]));
}
