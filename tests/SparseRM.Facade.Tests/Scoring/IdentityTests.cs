using SparseRM.Weights;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A reward file scores with what it was fitted with, and with nothing else.</summary>
public sealed class IdentityTests(FittedReward fitted)
{
    [Fact]
    public void Scores_with_a_copy_of_the_model()
    {
        using var copy = TemporaryFolder.CopyOf(World.Model);
        using var scorer = fitted.Open(World.Backbone with { Model = copy.Path });
        Assert.Equal(fitted.Scores[0], scorer.Score(fitted.Dialogues[0]));
    }

    [Fact]
    public void Refuses_a_model_with_another_weight()
    {
        using var copy = TemporaryFolder.CopyOf(World.Model);
        string path = copy.File("model.safetensors");
        var bytes = File.ReadAllBytes(path);
        bytes[SafetensorsFile.Open(path).Take("model.layers.3.mlp.up_proj.weight").FileOffset] ^= 1;
        File.WriteAllBytes(path, bytes);
        RefusesModel(copy);
    }

    [Fact]
    public void Refuses_a_model_of_another_behaviour()
    {
        using var copy = TemporaryFolder.CopyOf(World.Model);
        Edit(copy.File("config.json"), "\"query_pre_attn_scalar\": 48", "\"query_pre_attn_scalar\": 64");
        RefusesModel(copy);
    }

    [Fact]
    public void Refuses_another_layer_with_both_values() =>
        World.Refuses(() =>
        {
            using var backbone = Backbone.Open(World.Backbone, layer: 3);
            fitted.Result.Reward.Metadata.Identity.RequireMatches(fitted.Path, backbone.Identity(3, fitted.Result.Reward.Metadata.Identity.Position));
        }, fitted.Path, "layer 4", "layer 3");

    [Fact]
    public void Refuses_a_layer_that_the_model_does_not_have() =>
        World.Refuses(() => Backbone.Open(World.Backbone, layer: 6), "layers 0 to 5", "6");

    [Fact]
    public void Refuses_another_template_with_both_values() =>
        World.Refuses(() => fitted.Open(World.Backbone with { ChatTemplate = "chatml" }), fitted.Path, "chat template model (", "chat template chatml (");

    [Fact]
    public void Takes_the_template_from_the_reward_file()
    {
        using var copy = TemporaryFolder.CopyOf(World.Model);
        Edit(copy.File("tokenizer_config.json"), "<start_of_turn>", "<start_of_turn> ");
        using var scorer = fitted.Open(World.Backbone with { Model = copy.Path });
        Assert.Equal(fitted.Scores[0], scorer.Score(fitted.Dialogues[0]));
    }

    [Fact]
    public void Refuses_another_tokenizer_with_both_values()
    {
        using var copy = TemporaryFolder.CopyOf(World.Model);
        Edit(copy.File("tokenizer_config.json"), "\"add_bos_token\": true", "\"add_bos_token\": false");
        World.Refuses(() => fitted.Open(World.Backbone with { Model = copy.Path }),
            fitted.Path, $"tokenizer {fitted.Result.Reward.Metadata.Identity.TokenizerFingerprint}, but scoring uses tokenizer");
    }

    [Fact]
    public void Refuses_a_file_that_is_not_a_reward_model() =>
        World.Refuses(() => RewardScorer.Open(Path.Combine(World.Model, "model.safetensors"), World.Backbone), "model.safetensors", "not a reward model");

    [Fact]
    public void Names_the_model_though_its_path_ends_in_a_separator()
    {
        using var backbone = Backbone.Open(World.Backbone with { Model = World.Model + Path.DirectorySeparatorChar });
        Assert.Equal("model", backbone.Identity(0, SparseRM.Models.ReadOutPosition.Last).ModelName);
    }

    private void RefusesModel(TemporaryFolder copy)
    {
        string own = fitted.Result.Reward.Metadata.Identity.ModelFingerprint;
        World.Refuses(() => fitted.Open(World.Backbone with { Model = copy.Path }),
            fitted.Path, $"model model ({own})", $"but scoring uses model {Path.GetFileName(copy.Path)} (");
    }

    private static void Edit(string path, string from, string to)
    {
        string text = File.ReadAllText(path);
        Assert.Contains(from, text);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
    }
}
