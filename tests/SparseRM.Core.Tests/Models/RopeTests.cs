using System.Globalization;
using System.Text.Json.Nodes;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;

namespace SparseRM.Core.Tests.Models;

/// <summary>Rotary tables by the formulas of transformers' modeling_rope_utils, worked out step by step in float32 by other code.</summary>
public sealed class RopeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Linear_scaling_divides_every_frequency()
    {
        float[] plain = RopeTable.Frequencies(new(10000, new("default")), 16);
        Assert.Equal(Array.ConvertAll(plain, f => f / 8), RopeTable.Frequencies(new(10000, new("linear", 8)), 16));
        Assert.Equal(Array.ConvertAll(plain, f => f / 1.1f), RopeTable.Frequencies(new(10000, new("linear", 1.1)), 16));
    }

    [Fact]
    public void Dynamic_scaling_changes_nothing_up_to_the_trained_context()
    {
        Assert.Equal(RopeTable.Frequencies(new(10000, new("default")), 16), RopeTable.Frequencies(new(10000, new("dynamic", 4)), 16));
        var config = Read("llama2", "rope_scaling", """{"type":"dynamic","factor":4.0}""");
        Assert.Equal(("dynamic", 512), (config.Ropes[0].Scaling.Kind, config.NCtx));
    }

    [Theory]
    // Qwen2.5: theta 1e6, d_head 128, factor 4, original context 32768: the ramp is 23..40
    [InlineData(1e6, 128, 4, 32768, 32, 1, true, "0:1 1:0.805842221 7:0.220673397 23:0.00697830599 24:0.00537532149 30:0.00106436096 39:6.4903943e-05 40:4.44569851e-05 63:3.10234441e-07")]
    [InlineData(1e4, 16, 8, 64, 32, 1, true, "0:1 1:0.223994657 2:0.0416666642 3:0.00395284733 7:3.95284733e-05")]
    [InlineData(1e4, 16, 8, 64, 16, 2, false, "0:1 1:0.120533988 2:0.0125000002 3:0.00395284733")]
    public void Yarn_keeps_blends_and_divides(double theta, int dHead, double factor, int original, double fast, double slow, bool truncate, string expected)
    {
        var scaling = new RopeScaling("yarn", factor, OriginalContext: original) { BetaFast = fast, BetaSlow = slow, Truncate = truncate };
        float[] found = RopeTable.Frequencies(new RopeConfig(theta, scaling), dHead);
        foreach (string pair in expected.Split(' '))
        {
            string[] parts = pair.Split(':');
            float wanted = float.Parse(parts[1], CultureInfo.InvariantCulture), value = found[int.Parse(parts[0], CultureInfo.InvariantCulture)];
            Assert.Equal(wanted, value, wanted * 3e-7f);
        }
    }

    [Theory]
    [InlineData("""{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":256}""", 4, 256, 32, 1, true, 1.138629436111989, 1024)]
    [InlineData("""{"type":"yarn","factor":8}""", 8, 512, 32, 1, true, 1.2079441541679836, 4096)]
    [InlineData("""{"rope_type":"yarn","original_max_position_embeddings":128}""", 4, 128, 32, 1, true, 1.138629436111989, 512)]
    [InlineData("""{"rope_type":"yarn","factor":4,"attention_factor":0.75,"beta_fast":16,"beta_slow":2,"truncate":false}""", 4, 512, 16, 2, false, 0.75, 2048)]
    [InlineData("""{"rope_type":"yarn","factor":40,"mscale":0.707,"mscale_all_dim":1.0,"beta_fast":0}""", 40, 512, 32, 1, true, 0.9210423553163399, 20480)]
    [InlineData("""{"rope_type":"yarn","factor":4,"mscale":1.0,"mscale_all_dim":0}""", 4, 512, 32, 1, true, 1.138629436111989, 2048)]
    [InlineData("""{"rope_type":"yarn","factor":4,"mscale":0.5}""", 4, 512, 32, 1, true, 1.138629436111989, 2048)]
    [InlineData("""{"rope_type":"yarn","factor":4,"mscale_all_dim":0.5}""", 4, 512, 32, 1, true, 1.138629436111989, 2048)]
    [InlineData("""{"rope_type":"yarn","factor":1.0}""", 1, 512, 32, 1, true, 1, 512)]
    public void Yarn_s_fields_and_what_they_are_when_left_out(string json, double factor, int original, double fast, double slow, bool truncate, double attention, int context)
    {
        var config = Read("llama2", "rope_scaling", json);
        var scaling = config.Ropes[0].Scaling;
        Assert.Equal((factor, original, fast, slow, truncate, context),
            (scaling.Factor, scaling.OriginalContext, scaling.BetaFast, scaling.BetaSlow, scaling.Truncate, config.NCtx));
        Assert.Equal(attention, scaling.AttentionFactor, 1e-15);
    }

    [Theory]
    [InlineData("""{"rope_type":"yarn"}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type":"yarn","factor":-1}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type":"yarn","factor":4,"beta_slow":-1}""", "rope_scaling.beta_slow")]
    [InlineData("""{"rope_type":"linear"}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type":"dynamic","factor":0}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type":"longrope","factor":4}""", "\"rope_scaling.rope_type\" is \"longrope\"")]
    [InlineData("""{"type":"su"}""", "\"rope_scaling.type\" is \"su\"")]
    public void Scalings_without_their_numbers_or_unknown_are_refused(string json, string named)
        => Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Read("llama2", "rope_scaling", json)).Message);

    [Fact]
    public void The_attention_factor_multiplies_cos_and_sin()
    {
        var plain = new RopeScaling("yarn", 4, OriginalContext: 64);
        float[] one = Table(new(10000, plain), 16, 70), scaled = Table(new(10000, plain with { AttentionFactor = 1.5 }), 16, 70);
        Assert.Equal(Array.ConvertAll(one, value => value * 1.5f), scaled);
    }

    [Fact]
    public void Yarn_reaches_the_states()
    {
        string model = SharedData.Shipped("goldens", "models", "llama2");
        Read("llama2", "rope_scaling", """{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":64}""");
        File.Copy(Path.Combine(model, "model.safetensors"), _folder.File("model.safetensors"));
        Assert.NotEqual(ModelState.Of(model, tokens: 40), ModelState.Of(_folder.Path, tokens: 40));
    }

    [Theory]
    // Llama 3 (theta 500000, d_head 128) at position 8191: frequency and angle rounded to float32 each; unrounded, cos of i = 2 would be 0.82395.
    [InlineData(1, 0.97739879, -0.21140387)]
    [InlineData(2, 0.82374302, 0.56696335)]
    [InlineData(3, -0.17501347, -0.98456604)]
    [InlineData(5, -0.56509833, -0.82502356)]
    public void Frequency_and_angle_are_rounded_to_float32(int i, double cos, double sin)
    {
        float[] table = Table(new(500000, new("default")), 128, 8192);
        Assert.Equal(cos, table[8191 * 128 + i], 1e-6);
        Assert.Equal(sin, table[8191 * 128 + 64 + i], 1e-6);
    }

    [Fact]
    public void The_first_position_is_not_turned_and_the_next_ones_by_their_angles()
    {
        var config = new RopeConfig(10000, new("yarn", 4, OriginalContext: 256) { AttentionFactor = 0.5 });
        float[] table = Table(config, 16, 3), frequencies = RopeTable.Frequencies(config, 16);
        for (int position = 0; position < 3; position++)
        {
            for (int i = 0; i < 8; i++)
            {
                float angle = position * frequencies[i];
                Assert.Equal((float)Math.Cos(angle) * 0.5f, table[(position * 16) + i]);
                Assert.Equal((float)Math.Sin(angle) * 0.5f, table[(position * 16) + 8 + i]);
            }
        }
        Assert.All(table[..8], cos => Assert.Equal(0.5f, cos));
        Assert.All(table[8..16], sin => Assert.Equal(0, sin));
    }

    [Fact]
    public void The_table_grows_to_every_length_that_is_asked()
    {
        using var backend = new ReferenceBackend();
        using var table = new RopeTable(backend, new(10000, new("default")), 16);
        foreach (int positions in new[] { 1, 63, 64, 65, 128, 129, 256, 257, 64 }) Assert.InRange(table.For(positions).Rows, positions, int.MaxValue);
        using var exact = new RopeTable(backend, new(10000, new("default")), 16);
        exact.For(64);
        Assert.InRange(exact.For(65).Rows, 65, int.MaxValue);
    }

    [Fact]
    public void Gemma3_s_local_table_is_not_scaled()
    {
        var old = Read("gemma3", "rope_scaling", """{"rope_type":"linear","factor":8.0}""", "rope_parameters");
        Assert.Equal([new RopeConfig(1e6, new("linear", 8)), new RopeConfig(1e4, new("default"))], old.Ropes);
        var parameters = Read("gemma3", "rope_parameters", """
            {"full_attention":{"rope_theta":1e6,"rope_type":"linear","factor":8.0},"sliding_attention":{"rope_theta":1e4,"rope_type":"default"}}
            """);
        Assert.Equal(old.Ropes, parameters.Ropes);
        // An older rope_scaling beside the parameters is that of the full attention, or is refused.
        const string Both = """{"full_attention":{"rope_theta":1e6,"rope_type":"linear","factor":8.0},"sliding_attention":{"rope_theta":1e4,"rope_type":"default"}}""";
        Assert.Equal(old.Ropes, Read("gemma3", "rope_parameters", Both, null, ("rope_scaling", JsonNode.Parse("""{"rope_type":"linear","factor":8.0}""")!)).Ropes);
        Assert.Contains("says another scaling", Assert.Throws<ModelFormatException>(
            () => Read("gemma3", "rope_parameters", Both, null, ("rope_scaling", JsonNode.Parse("""{"rope_type":"default"}""")!))).Message);
    }

    [Fact]
    public void Qwen_slides_from_max_window_layers_on()
    {
        ModelConfig Windows(int first) => Read("qwen2", "layer_types", "null", "layer_types", ("use_sliding_window", true), ("sliding_window", 16), ("max_window_layers", first));
        Assert.Equal([0, 0, 16, 16], Windows(2).LayerWindows);
        Assert.Equal([0, 16, 16, 16], Windows(1).LayerWindows);
        Assert.Equal([0, 0, 0, 0], Windows(4).LayerWindows);
    }

    private ModelConfig Read(string family, string field, string json, string? without = null, params (string Name, JsonNode Value)[] others)
    {
        var config = JsonNode.Parse(File.ReadAllText(SharedData.Shipped("goldens", "models", family, "config.json")))!.AsObject();
        config[field] = JsonNode.Parse(json);
        foreach (var (name, value) in others) config[name] = value;
        if (without is not null) config.Remove(without);
        File.WriteAllText(_folder.File("config.json"), config.ToJsonString());
        return ArchitectureCatalog.Read(_folder.Path);
    }

    private static float[] Table(RopeConfig config, int dHead, int positions)
    {
        using var backend = new ReferenceBackend();
        using var table = new RopeTable(backend, config, dHead);
        var rows = table.For(positions);
        var values = new float[rows.Rows * rows.Columns];
        backend.Download(rows, values);
        return values;
    }
}
