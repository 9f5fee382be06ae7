using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Every format's activations and reconstructions as its owner computes them.</summary>
public sealed class SaeGoldenTests
{
    /// <summary>The bf16 case was computed in bf16 by its owner: an exact encode is 1.5e-2 away.</summary>
    private const double Bound = 2e-5, Bf16Bound = 4e-2;

    public static TheoryData<string, string> Folders => new()
    {
        { "saelens-standard", "saelens" }, { "saelens-standard-raw-input", "saelens" }, { "saelens-standard-layer-norm", "saelens" },
        { "saelens-standard-constant-norm", "saelens" }, { "saelens-jumprelu", "saelens" }, { "saelens-jumprelu-raw-bf16", "saelens" }, { "saelens-gated", "saelens" },
        { "saelens-topk", "saelens" }, { "saelens-topk-rescaled", "saelens" }, { "saelens-topk-few-positive", "saelens" }, { "saelens-v5-topk", "saelens" },
        { "gemma-scope/layer_2/width_1k/average_l0_9", "gemma-scope" }, { "gemma-scope-deflated/layer_2/width_1k/average_l0_9", "gemma-scope" },
        { "gemma-scope-2/layer_2_width_1k_l0_small", "gemma-scope" }, { "llama-scope", "llama-scope" },
        { "sparsify-topk/layers.2", "sparsify" }, { "sparsify-groupmax/layers.2", "sparsify" },
        { "dictionary-learning-standard/trainer_0", "dictionary-learning" }, { "dictionary-learning-jumprelu/trainer_0", "dictionary-learning" },
        { "dictionary-learning-topk/trainer_0", "dictionary-learning" }, { "dictionary-learning-batch-topk/trainer_0", "dictionary-learning" },
        { "dictionary-learning-matryoshka/trainer_0", "dictionary-learning" },
        { "qwen-scope/SAE-Res-tiny-W1K-L0_12", "qwen-scope" }, { "goodfire", "goodfire" },
    };

    private static string Golden(string name) => SharedData.Shipped(["goldens", "saes", .. name.Split('/')]);

    [Theory]
    [MemberData(nameof(Folders))]
    public void Activations_and_reconstruction_equal_the_owner_s(string folder, string format)
    {
        var sae = SaeFormatCatalog.Open(Golden(folder));
        Assert.Equal((64, 256, 2, format), (sae.DIn, sae.DSae, sae.Layer, sae.Format));
        Assert.StartsWith(format + ":", sae.Id);
        Compare(sae, Golden(folder + "/golden.safetensors"), folder.Contains("bf16", StringComparison.Ordinal) ? Bf16Bound : Bound);
    }

    [Fact]
    public void Llama_scope_in_the_mode_of_saelens_equals_saelens()
    {
        var sae = SaeFormatCatalog.Open(Golden("llama-scope"), LlamaScopeMode.SaeLens);
        Assert.Equal("saelens", sae.GatingMode);
        Compare(sae, Golden("llama-scope/golden.saelens-mode.safetensors"), Bound);
        var official = SaeFormatCatalog.Open(Golden("llama-scope"));
        Assert.Equal("official", official.GatingMode);
        Assert.NotEqual(official.Id, sae.Id);
    }

    [Theory]
    [InlineData("dl-topk-old", "topk")]
    [InlineData("sl-extra", "relu")]
    public void The_field_cases_equal_their_owner_s(string name, string activation)
    {
        string folder = SharedData.Shared("field", "saes", name);
        var sae = SaeFormatCatalog.Open(folder);
        Assert.Equal((2, activation), (sae.Layer, sae.Activation.Name));
        Compare(sae, Path.Combine(folder, "golden.safetensors"), Bound);
    }

    [Fact]
    public void Every_golden_folder_is_compared_or_refused()
    {
        var seen = Folders.Select(row => row.Data.Item1.Split('/')[0]).ToHashSet();
        var all = Directory.GetDirectories(Golden("")).Select(Path.GetFileName).Where(name => !name!.StartsWith("refuse-", StringComparison.Ordinal));
        Assert.Equal(all.Order(), seen.Order());
    }

    [Theory]
    [InlineData("refuse-expected-average", "\"normalize_activations\" is \"expected_average_only_in\"")]
    [InlineData("refuse-unknown-architecture", "\"architecture\" is \"temporal\"")]
    [InlineData("refuse-wrong-d-sae", "\"d_sae\" is 257, but the tensors have 256")]
    [InlineData("refuse-transcoder", "\"architecture\" is \"transcoder\"")]
    [InlineData("refuse-pickle-system", "\"posix.system\"")]
    [InlineData("refuse-pickle-eval", "\"__builtin__.eval\"")]
    [InlineData("refuse-pickle-legacy", "the form before zip")]
    public void Refuses_what_cannot_be_represented_and_executes_nothing(string folder, string expected)
    {
        string message = Assert.Throws<ModelFormatException>(() => SaeFormatCatalog.Open(Golden(folder))).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
        Assert.False(File.Exists("PWNED"));
        Assert.False(File.Exists(Path.Combine(Golden(folder), "PWNED")));
    }

    [Theory]
    [InlineData("gemma-scope/layer_4/width_2k/average_l0_25", "jumprelu")]
    [InlineData("saelens-topk-layer-4", "topk")]
    public void The_demo_s_saes_open(string folder, string activation)
    {
        var sae = SaeFormatCatalog.Open(SharedData.MiniWorld(["saes", .. folder.Split('/')]));
        Assert.Equal((192, 2048, 4, activation), (sae.DIn, sae.DSae, sae.Layer, sae.Activation.Name));
    }

    [Fact]
    public void A_foreign_sae_is_refused_honestly()
    {
        string message = Assert.Throws<ModelFormatException>(() => SaeFormatCatalog.Open(SharedData.Shared("sae", "residual-verify", "sae.pt"))).Message;
        Assert.Contains("no SAE of a known format: it holds W_dec, W_enc, b_dec, b_enc", message);
        Assert.Throws<ModelFormatException>(() => SaeFormatCatalog.Open(SharedData.Shared("sae", "residual-verify", "residual-verify__sae.safetensors")));
    }

    private static void Compare(SparseAutoencoder sae, string goldenPath, double bound)
    {
        var golden = SafetensorsFile.Open(goldenPath);
        float[] x = golden.Take("x").ReadSingles();
        var (acts, recon) = new PlainSae(sae).Run(x);
        Assert.InRange(Distance(acts, golden.Take("feature_acts").ReadSingles()), 0, bound);
        // The second golden of Llama Scope has activations only.
        if (golden.Contains("recon")) Assert.InRange(Distance(recon, golden.Take("recon").ReadSingles()), 0, bound);
        (int[] Ids, float[] Values)[] rows = [.. acts.Chunk(sae.DSae).Select(row => Enumerable.Range(0, row.Length).Where(j => row[j] != 0).ToArray() is var ids
            ? (ids, Array.ConvertAll(ids, j => row[j])) : default)];
        Assert.InRange(Distance(SaeDecoder.Reconstruct(sae, x, rows), recon), 0, Bound);
    }

    private static double Distance(float[] actual, float[] expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = 0, norm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            difference += ((double)actual[i] - expected[i]) * ((double)actual[i] - expected[i]);
            norm += (double)expected[i] * expected[i];
        }
        Assert.True(norm > 0);
        return Math.Sqrt(difference / norm);
    }
}
