using SparseRM.Core.Tests.Weights;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Refusals and special cases of the formats other than SAELens's and Gemma Scope's.</summary>
public sealed class SaeFormatTests : IDisposable
{
    private const string Scope = """
        {"d_model":2,"d_sae":3,"hook_point_in":"blocks.5.hook_resid_post","hook_point_out":"blocks.5.hook_resid_post","act_fn":"jumprelu","jump_relu_threshold":0.5,
        "norm_activation":"dataset-wise","dataset_average_activation_norm":{"in":0.5,"out":0.5},"top_k":50}
        """;

    private readonly TinySae _sae = new();

    public void Dispose() => _sae.Dispose();

    private static TensorToWrite Vector(string name, params float[] values) => TensorToWrite.Singles(name, values, values.Length);

    private void Llama(string config)
    {
        _sae.Write("hyperparams.json", config);
        _sae.Tensors("checkpoints/final.safetensors", TensorToWrite.Singles("encoder.weight", TinySae.WEnc, 3, 2), TensorToWrite.Singles("decoder.weight", new float[] { 3, 0, 1, 4, 2, 0 }, 2, 3),
            Vector("encoder.bias", 1, 1, 1), Vector("decoder.bias", 2, 4));
    }

    [Fact]
    public void Llama_scope_folds_as_its_formula_says()
    {
        Llama(Scope);
        double s = Math.Sqrt(2) / 0.5;
        var official = _sae.Open();
        Assert.Equal((5, true, true), (official.Layer!.Value, official.EncoderIsTransposed, official.DecoderIsTransposed));
        Assert.Equal([5f, 2, 1], official.EncoderScale!);
        Assert.Equal([(float)(5 / s), (float)(2 / s), (float)(1 / s)], official.BEnc);
        Assert.Equal([(float)(2 / s), (float)(4 / s)], official.BDec);
        Assert.Equal([0.6f, 0.8f, 1, 0, 0.6f, 0.8f], official.ReadDirections([0, 2, 0]));
        Assert.Equal([0.5f, 0.5f, 0.5f], Assert.IsType<SaeActivation.JumpRelu>(official.Activation).Threshold);
        var saeLens = _sae.Open("checkpoints/final.safetensors", LlamaScopeMode.SaeLens);
        Assert.Equal([(float)s, (float)s, (float)s], saeLens.EncoderScale!);
        Assert.Equal([1f, 1, 1], saeLens.BEnc);
        Assert.Equal((float)(0.5 * s), Assert.IsType<SaeActivation.JumpRelu>(saeLens.Activation).Threshold[0]);
    }

    [Theory]
    [InlineData("\"act_fn\":\"jumprelu\"", "\"act_fn\":\"topk\"", "\"act_fn\" is \"topk\"")]
    [InlineData("\"d_sae\":3", "\"d_sae\":4", "\"d_sae\" is 4")]
    [InlineData("\"hook_point_out\":\"blocks.5.hook_resid_post\"", "\"hook_point_out\":\"blocks.5.hook_mlp_out\"", "\"hook_point_out\"")]
    [InlineData("blocks.5.hook_resid_post", "blocks.5.hook_mlp_out", "\"hook_point_in\"")]
    [InlineData("dataset-wise", "token-wise", "\"norm_activation\" is \"token-wise\"")]
    [InlineData("\"in\":0.5,\"out\":0.5", "\"in\":0.5,\"out\":0.6", "\"dataset_average_activation_norm.out\"")]
    [InlineData("\"in\":0.5,\"out\":0.5", "\"in\":0", "\"dataset_average_activation_norm.in\"")]
    [InlineData("\"dataset_average_activation_norm\":{\"in\":0.5,\"out\":0.5},", "", "\"dataset_average_activation_norm\" is missing")]
    [InlineData("\"jump_relu_threshold\":0.5", "\"jump_relu_threshold\":-1", "\"jump_relu_threshold\"")]
    [InlineData("\"top_k\":50", "\"use_glu_encoder\":true", "\"use_glu_encoder\" is true")]
    [InlineData("\"top_k\":50", "\"apply_decoder_bias_to_pre_encoder\":true", "\"apply_decoder_bias_to_pre_encoder\" is true")]
    [InlineData("\"top_k\":50", "\"use_decoder_bias\":false", "does not know: decoder.bias")]
    public void Refuses_llama_scope_configs_by_field(string old, string changed, string expected)
    {
        Llama(Scope.Replace(old, changed, StringComparison.Ordinal));
        Assert.Contains(expected, _sae.Refusal());
    }

    [Fact]
    public void Refuses_llama_scope_without_weights()
    {
        _sae.Write("hyperparams.json", Scope);
        Assert.Contains("checkpoints/final.safetensors", _sae.Refusal());
    }

    private void Eleuther(string folder, string config)
    {
        _sae.Write(folder + "/cfg.json", config);
        _sae.Tensors(folder + "/sae.safetensors", TensorToWrite.Singles("encoder.weight", TinySae.WEnc, 3, 2), TensorToWrite.Singles("W_dec", TinySae.WDec, 3, 2),
            Vector("encoder.bias", 0, 0, 0), Vector("b_dec", 1, -1));
    }

    [Theory]
    [InlineData("""{"k":1,"transcode":true}""", "\"transcode\" is true")]
    [InlineData("""{"k":1,"skip_connection":true}""", "\"skip_connection\" is true")]
    [InlineData("""{"k":1,"signed":true}""", "\"signed\" is true")]
    [InlineData("""{"k":1,"activation":"relu"}""", "\"activation\" is \"relu\"")]
    [InlineData("""{"k":2,"activation":"groupmax"}""", "does not divide")]
    [InlineData("""{}""", "\"k\" is missing")]
    [InlineData("""{"k":4}""", "\"k\" is 4")]
    [InlineData("""{"k":1,"num_latents":5}""", "\"num_latents\" is 5")]
    [InlineData("""{"k":1,"d_in":5}""", "\"d_in\" is 5")]
    public void Refuses_sparsify_configs_by_field(string config, string expected)
    {
        Eleuther("layers.2", config);
        Assert.Contains(expected, _sae.Refusal("layers.2"));
    }

    [Fact]
    public void Sparsify_hook_points_are_outputs_of_blocks()
    {
        Eleuther("layers.11", """{"k":1,"num_latents":0,"multi_topk":false}""");
        var sae = _sae.Open("layers.11");
        Assert.Equal((11, true, false), (sae.Layer!.Value, sae.EncoderIsTransposed, sae.DecoderIsTransposed));
        // b_dec = [1, -1] against rows [1, 2], [3, 4], [5, 6]
        Assert.Equal([1f, 1, 1], sae.BEnc);
        Eleuther("layers.11.mlp", """{"k":1}""");
        Assert.Contains("hook point \"layers.11.mlp\"", _sae.Refusal("layers.11.mlp"));
    }

    private static byte[] Torch(Action<PickleBytes> pickle, params (string, float[])[] storages)
    {
        var bytes = new PickleBytes().Op("}(");
        pickle(bytes);
        return PickleBytes.File(bytes.Op("u").Stop(), [.. storages.Select(storage => ($"ae/data/{storage.Item1}", ZipBytes.Floats(storage.Item2)))]);
    }

    private void Dictionary(string trainer, Action<PickleBytes> pickle, params (string, float[])[] storages)
    {
        _sae.Write("config.json", $$"""{"trainer":{{trainer}}}""");
        _sae.Write("ae.pt", Torch(pickle, storages));
    }

    [Fact]
    public void Dictionary_learning_reads_gated_saes_and_transposed_views()
    {
        Dictionary("""{"dict_class":"GatedAutoEncoder","layer":9,"lm_name":"m","activation_dim":2,"dict_size":3}""", pickle => pickle
            .Tensor("decoder_bias", "b", 2, [2], [1]).Tensor("encoder.weight", "e", 6, [3, 2], [1, 3]).Tensor("decoder.weight", "d", 6, [2, 3], [3, 1])
            .Tensor("r_mag", "z", 3, [3], [1]).Tensor("gate_bias", "z", 3, [3], [1]).Tensor("mag_bias", "z", 3, [3], [1]),
            ("b", TinySae.BDec), ("e", TinySae.WEnc), ("d", TinySae.WDec), ("z", new float[3]));
        var sae = _sae.Open();
        // encoder.weight is the transpose of [[1, 2, 3], [4, 5, 6]]; (0 - b_dec) @ that = [3, 3, 3]
        Assert.Equal([3f, 3, 3], sae.BEnc);
        Assert.Equal((9, false, true), (sae.Layer!.Value, sae.EncoderIsTransposed, sae.DecoderIsTransposed));
        Assert.Equal([1f, 1, 1], Assert.IsType<SaeActivation.Gated>(sae.Activation).MagnitudeScale);
        Assert.Equal([4f, 1], sae.ReadDirections([1]));
    }

    [Fact]
    public void Dictionary_learning_s_new_autoencoder_subtracts_nothing()
    {
        Dictionary("""{"dict_class":"AutoEncoderNew","layer":1}""", pickle => pickle
            .Tensor("encoder.weight", "e", 6, [3, 2], [2, 1]).Tensor("encoder.bias", "c", 3, [3], [1]).Tensor("decoder.weight", "d", 6, [2, 3], [3, 1]).Tensor("decoder.bias", "b", 2, [2], [1]),
            ("b", TinySae.BDec), ("e", TinySae.WEnc), ("d", TinySae.WDec), ("c", TinySae.BEnc));
        Assert.Equal(TinySae.BEnc, _sae.Open().BEnc);
    }

    [Theory]
    [InlineData("""{"dict_class":"CrossCoder"}""", "\"trainer.dict_class\" is \"CrossCoder\"")]
    [InlineData("""{"layer":1}""", "\"trainer.dict_class\" is missing")]
    [InlineData("""{"dict_class":"BatchTopKSAE","submodule_name":"mlp_layer_3"}""", "\"trainer.submodule_name\"")]
    [InlineData("""{"dict_class":"BatchTopKSAE","dict_size":4}""", "\"trainer.dict_size\" is 4")]
    [InlineData("""{"dict_class":"BatchTopKSAE","k":3}""", "\"trainer.k\" is 3")]
    [InlineData("""{"dict_class":"BatchTopKSAE","k":2}""", "\"threshold\" is -1: it was never set")]
    public void Refuses_dictionary_learning_by_field(string trainer, string expected)
    {
        Dictionary(trainer, pickle => pickle
            .Tensor("encoder.weight", "e", 6, [3, 2], [2, 1]).Tensor("encoder.bias", "c", 3, [3], [1]).Tensor("decoder.weight", "d", 6, [2, 3], [3, 1]).Tensor("b_dec", "b", 2, [2], [1])
            .Tensor("k", "k", 1, [], []).Tensor("threshold", "t", 1, [], []),
            ("b", TinySae.BDec), ("e", TinySae.WEnc), ("d", TinySae.WDec), ("c", TinySae.BEnc), ("k", [2]), ("t", [-1]));
        Assert.Contains(expected, _sae.Refusal());
    }

    [Fact]
    public void Refuses_dictionary_learning_of_a_block_s_input()
    {
        _sae.Write("ae.pt", "");
        _sae.Write("config.json", """{"trainer":{"dict_class":"AutoEncoder"},"buffer":{"io":"in","ctx_len":1}}""");
        Assert.Contains("\"buffer.io\" is \"in\"", _sae.Refusal());
    }

    private static byte[] Qwen() => Torch(pickle => pickle
        .Tensor("W_enc", "e", 6, [3, 2], [2, 1]).Tensor("W_dec", "d", 6, [2, 3], [3, 1]).Tensor("b_enc", "c", 3, [3], [1]).Tensor("b_dec", "b", 2, [2], [1]),
        ("b", TinySae.BDec), ("e", TinySae.WEnc), ("d", TinySae.WDec), ("c", TinySae.BEnc));

    [Fact]
    public void Qwen_scope_takes_k_and_layer_from_its_path()
    {
        _sae.Write("SAE-Res-Qwen3-8B-W64K-L0_2/layer13.sae.pt", Qwen());
        var sae = _sae.Open("SAE-Res-Qwen3-8B-W64K-L0_2/layer13.sae.pt");
        Assert.Equal((13, new SaeActivation.TopK(2)), (sae.Layer, (SaeActivation.TopK)sae.Activation));
        _sae.Write("SAE-Res-Qwen3-8B-W64K-L0_2/layer14.sae.pt", Qwen());
        Assert.Contains("holds 2 torch files", _sae.Refusal("SAE-Res-Qwen3-8B-W64K-L0_2"));
        _sae.Write("plain/layer13.sae.pt", Qwen());
        Assert.Contains("has no k", _sae.Refusal("plain"));
        _sae.Write("SAE-L0_9/layer13.sae.pt", Qwen());
        Assert.Contains("says k = 9", _sae.Refusal("SAE-L0_9"));
    }

    [Fact]
    public void Refuses_torch_files_of_no_known_format()
    {
        _sae.Write("sae.pt", Qwen());
        Assert.Contains("no SAE of a known format: it holds W_dec, W_enc, b_dec, b_enc", _sae.Refusal());
        _sae.Write("sae.pt", Torch(pickle => pickle.Text("epoch").Int(3)));
        Assert.Contains("\"epoch\"", _sae.Refusal());
    }

    [Fact]
    public void Llama_scope_sparsify_and_dictionary_learning_list_unknown_fields()
    {
        Llama(Scope.Replace("\"top_k\":50", "\"gate\":1", StringComparison.Ordinal));
        Assert.Equal(["gate"], _sae.Open().IgnoredFields);
        Eleuther("layers.2", """{"k":1,"other":5,"transcode":false}""");
        Assert.Equal(["other"], _sae.Open("layers.2").IgnoredFields);
    }

    [Theory]
    [InlineData("crosscoder", "\"sae_type\" is \"crosscoder\"")]
    public void Refuses_llama_scope_of_another_type(string type, string expected)
    {
        Llama(Scope.Replace("\"top_k\":50", $"\"sae_type\":\"{type}\"", StringComparison.Ordinal));
        Assert.Contains(expected, _sae.Refusal());
    }

    private void OldTopK(string trainer) => Dictionary(trainer, pickle => pickle
        .Tensor("encoder.weight", "e", 6, [3, 2], [2, 1]).Tensor("encoder.bias", "c", 3, [3], [1]).Tensor("decoder.weight", "d", 6, [2, 3], [3, 1]).Tensor("b_dec", "b", 2, [2], [1]),
        ("b", TinySae.BDec), ("e", TinySae.WEnc), ("d", TinySae.WDec), ("c", TinySae.BEnc));

    [Fact]
    public void Old_topk_files_have_neither_threshold_nor_k()
    {
        OldTopK("""{"dict_class":"AutoEncoderTopK","layer":2,"k":2,"what":3}""");
        var sae = _sae.Open();
        Assert.Equal(new SaeActivation.TopK(2), sae.Activation);
        Assert.Equal(["trainer.what"], sae.IgnoredFields);
        OldTopK("""{"dict_class":"AutoEncoderTopK","layer":2,"k":1}""");
        Assert.NotEqual(sae.Id, _sae.Open().Id);
        OldTopK("""{"dict_class":"AutoEncoderTopK","layer":2}""");
        Assert.Contains("no tensor \"k\", and config.json has no trainer.k", _sae.Refusal());
        OldTopK("""{"dict_class":"BatchTopKSAE","layer":2,"k":2}""");
        Assert.Contains("no tensor \"threshold\"", _sae.Refusal());
    }

    [Fact]
    public void A_repository_s_root_names_its_parts()
    {
        foreach (int layer in new[] { 2, 10 }) Eleuther($"root/layers.{layer}", """{"k":1}""");
        _sae.Write("root/optimizer_0.pt", "x");
        Assert.Contains("root: holds 2 SAEs in folders below; give one of them: layers.10, layers.2", _sae.Refusal("root"));
        _sae.Write("dl/resid_post_layer_3/trainer_0/ae.pt", "x");
        Assert.Contains("dl: holds an SAE in folders below; give one of them: resid_post_layer_3/trainer_0", _sae.Refusal("dl"));
        for (int i = 10; i < 22; i++) _sae.Standard($"scope/layer_{i}/width_16k/average_l0_7/params.safetensors", Vector("threshold", 1, 2, 3));
        Assert.EndsWith("layer_17/width_16k/average_l0_7 and 4 more", _sae.Refusal("scope"));
    }

    [Fact]
    public void Refuses_what_holds_no_sae()
    {
        Assert.Contains("holds no SAE of a known format; expected params.npz", _sae.Refusal());
        Assert.Contains("no such file or folder", _sae.Refusal("none"));
        _sae.Write("a.txt", "x");
        Assert.Contains("is no SAE of a known format", _sae.Refusal("a.txt"));
    }
}
