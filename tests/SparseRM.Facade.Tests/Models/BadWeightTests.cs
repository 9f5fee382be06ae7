namespace SparseRM.Facade.Tests.Models;

/// <summary>Weights and tokenizers that cannot score are refused, never scored with.</summary>
public sealed class BadWeightTests
{
    [Theory]
    [InlineData("model.layers.2.mlp.gate_proj.weight", float.NaN)]
    [InlineData("model.layers.2.mlp.down_proj.weight", float.PositiveInfinity)]
    [InlineData("model.layers.1.self_attn.k_proj.weight", float.NaN)]
    [InlineData("model.layers.4.self_attn.o_proj.weight", float.NegativeInfinity)]
    [InlineData("model.layers.1.input_layernorm.weight", float.NaN)]
    [InlineData("model.layers.4.post_feedforward_layernorm.weight", float.NaN)]
    public void Refuses_a_weight_that_is_not_finite(string name, float value)
    {
        using var folder = WeightEdits.Changed(name, values => values[5] = value);
        World.Refuses(() => States(folder.Path), name);
    }

    [Fact]
    public void Does_not_read_the_weights_of_later_blocks()
    {
        using var folder = WeightEdits.Changed("model.layers.5.mlp.gate_proj.weight", values => values[5] = float.NaN);
        Assert.Equal(192, States(folder.Path).Length);
    }

    [Fact]
    public void Refuses_a_used_embedding_row_that_is_not_finite()
    {
        const int Bos = 2, DModel = 192;
        using var folder = WeightEdits.Changed("model.embed_tokens.weight", values => values[(Bos * DModel) + 7] = float.NaN);
        World.Refuses(() => States(folder.Path), "NaN");
    }

    [Fact]
    public void An_embedding_row_that_no_input_uses_harms_nothing()
    {
        using var folder = WeightEdits.Changed("model.embed_tokens.weight", values => values[^1] = float.NaN);
        using var whole = WeightEdits.Changed();
        TensorAssert.SameBits(States(whole.Path), States(folder.Path));
    }

    [Fact]
    public void Refuses_states_that_overflow()
    {
        using var folder = WeightEdits.Changed("model.layers.1.mlp.down_proj.weight", values => Array.Fill(values, 3e38f));
        World.Refuses(() => States(folder.Path), "after block 4", "NaN or infinity");
    }

    [Fact]
    public void Refuses_a_tokenizer_that_is_larger_than_the_embedding()
    {
        using var folder = TemporaryFolder.CopyOf(World.Model);
        string config = folder.File("config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"vocab_size\": 2048", "\"vocab_size\": 2000", StringComparison.Ordinal));
        // The config alone disagrees with the tensor.
        World.Refuses(() => States(folder.Path), "model.embed_tokens.weight", "2048", "2000");
        using var smaller = Shrunk();
        World.Refuses(() => States(smaller.Path), smaller.Path, "2047", "2000 rows");
    }

    private static TemporaryFolder Shrunk()
    {
        var folder = WeightEdits.WithRows("model.embed_tokens.weight", 2000);
        string config = folder.File("config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"vocab_size\": 2048", "\"vocab_size\": 2000", StringComparison.Ordinal));
        return folder;
    }

    private static float[] States(string model)
    {
        using var backbone = Backbone.Open(World.Backbone with { Model = model }, layer: 4);
        return backbone.ReadStates([World.Last(backbone, [new("user", "Which word is the opposite of late?"), new("assistant", "Early.")])], 4);
    }
}
