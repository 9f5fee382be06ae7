using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Testing;
using SparseRM.Weights;
using static SparseRM.Fuzz.FuzzReader;

namespace SparseRM.Fuzz;

/// <summary>Readers of weights, configs, SAEs and reward models.</summary>
internal static class WeightReaders
{
    private static readonly byte[] s_sae = Safetensors(
        TensorToWrite.Singles("W_enc", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3), TensorToWrite.Singles("W_dec", new[] { 0.6f, 0.8f, 0, 1, 1, 0 }, 3, 2),
        TensorToWrite.Singles("b_enc", new[] { 0.5f, 0, -1 }, 3), TensorToWrite.Singles("b_dec", new float[] { 1, -1 }, 2));

    private static readonly byte[] s_sparsify = Safetensors(
        TensorToWrite.Singles("encoder.weight", new float[] { 1, 2, 3, 4, 5, 6 }, 3, 2), TensorToWrite.Singles("encoder.bias", new[] { 0.5f, 0, -1 }, 3),
        TensorToWrite.Singles("W_dec", new[] { 0.6f, 0.8f, 0, 1, 1, 0 }, 3, 2), TensorToWrite.Singles("b_dec", new float[] { 1, -1 }, 2));

    /// <summary>The readers.</summary>
    public static FuzzReader[] All { get; } =
    [
        new("safetensors", "model.safetensors", path => Take(SafetensorsFile.Open(path)), s_sae, s_sparsify)
        {
            Words = ["dtype", "shape", "data_offsets", "__metadata__", "F32", "F16", "BF16", "F8_E4M3", "I64", "BOOL"],
        },
        new("index-json", "model.safetensors.index.json", path => Take(WeightIndex.Open(Path.GetDirectoryName(path)!)),
            Seed("""{"metadata": {"total_size": 80}, "weight_map": {"W_enc": "model-1.safetensors", "W_dec": "model-1.safetensors", "b_enc": "model-1.safetensors", "b_dec": "model-1.safetensors"} }"""))
        {
            Words = ["weight_map", "../x", "model-1.safetensors", "/etc/hostname"],
            Beside = [("model-1.safetensors", s_sae)],
        },
        new("npz", "params.npz", path => Take(NpzFile.Open(path)), File("params.npz")) { Words = ["descr", "fortran_order", "shape", "<f4", ">f8", "|O", "True"] },
        new("torch", "ae.pt", path => Take(TorchFile.Open(path)), File("sae.pt"))
        {
            Words = ["torch", "_rebuild_tensor_v2", "FloatStorage", "collections", "OrderedDict", "cpu", "os", "system"],
        },
        new("config-json", "config.json", path => ArchitectureCatalog.Read(Path.GetDirectoryName(path)!), [.. Configs()])
        {
            Words = ["rope_scaling", "rope_parameters", "yarn", "llama3", "dynamic", "linear", "factor", "sliding_window", "layer_types", "text_config",
                "quantization_config", "fp8", "architectures", "head_dim", "tie_word_embeddings", "qwen2", "gemma3_text"],
        },
        Sae("sae-gemma-scope", "params.npz", [File("params.npz")]),
        Sae("sae-saelens", "cfg.json", [Seed("""
            {"architecture": "standard", "d_in": 2, "d_sae": 3, "dtype": "float32", "hook_name": "blocks.2.hook_resid_post", "hook_layer": 2, "model_name": "gemma-2b",
             "apply_b_dec_to_input": true, "normalize_activations": "none", "activation_fn_str": "relu", "finetuning_scaling_factor": false}
            """)], ("sae_weights.safetensors", s_sae)),
        Sae("sae-sparsify", "cfg.json", [Seed("""{"activation": "topk", "expansion_factor": 1, "normalize_decoder": true, "num_latents": 3, "k": 1, "multi_topk": false, "skip_connection": false, "d_in": 2}""")],
            ("sae.safetensors", s_sparsify)),
        Sae("sae-dictionary-learning", "config.json", [Seed("""
            {"trainer": {"dict_class": "AutoEncoder", "activation_dim": 2, "dict_size": 3, "layer": 2, "lm_name": "m", "submodule_name": "resid_post_layer_2"}, "buffer": {"ctx_len": 128, "d_submodule": 2, "io": "out"} }
            """)], ("ae.pt", File("sae.pt"))),
        new("reward", "reward.safetensors", ReadReward, Reward(HeadInputKind.Projection), Reward(HeadInputKind.Dense))
        {
            Words = ["format", "sparserm", "position", "last", "mean", "content", "dtype", "head.w1", "directions", "tokenizer_fingerprint", "layer", "kind"],
        },
    ];

    private static FuzzReader Sae(string name, string file, byte[][] seeds, params (string, byte[])[] beside) =>
        new(name, file, path => SaeFormatCatalog.Open(Path.GetDirectoryName(path)!), seeds)
        {
            Words = ["jumprelu", "topk", "batchtopk", "gated", "relu", "standard", "hook_name", "AutoEncoderTopK", "k", "threshold", "rescale_acts_by_decoder_norm", "hook_head_index"],
            Beside = beside,
        };

    private static IEnumerable<byte[]> Configs()
    {
        const string Sizes = """
            "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "num_hidden_layers": 2, "vocab_size": 64,
            "max_position_embeddings": 128, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16"
            """;
        yield return Seed($$"""{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "attention_bias": false, {{Sizes}}, "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64, "rope_type": "llama3"} }""");
        yield return Seed($$"""{"model_type": "gemma2", "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": 50.0, "query_pre_attn_scalar": 8, "sliding_window": 16, {{Sizes}} }""");
        yield return Seed($$"""{"model_type": "qwen3", "hidden_act": "silu", "attention_bias": false, "use_sliding_window": false, "sliding_window": null, "max_window_layers": 2, {{Sizes}} }""");
    }

    private static void Take(IWeightSource source)
    {
        foreach (string name in source.Names.ToList())
        {
            var slice = source.Take(name);
            if (slice.ElementCount <= 1 << 20 && slice.DType.ToString().StartsWith('F')) slice.ReadSingles(requireFinite: false);
        }
    }

    private static void ReadReward(string path)
    {
        var reward = RewardModelFile.Load(path);
        if (reward.Input.Kind is HeadInputKind.Projection or HeadInputKind.Dense) reward.Score(new float[reward.Input.DModel]);
    }

    private static byte[] Reward(HeadInputKind kind) => Written(path =>
        RewardModelFile.Save(path, TestRewards.Of(kind, 4, kind == HeadInputKind.Dense ? 4 : 2, 3, count => [.. Enumerable.Range(0, count).Select(i => 0.25f * (i % 7) - 0.5f)])));

    private static byte[] Safetensors(params TensorToWrite[] tensors) => Written(path => SafetensorsWriter.Write(path, tensors));

    private static byte[] Written(Action<string> write)
    {
        string path = Path.Combine(Path.GetTempPath(), $"sparserm-seed-{Guid.NewGuid():N}");
        try
        {
            write(path);
            return System.IO.File.ReadAllBytes(path);
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }
}
