using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Facade.Tests.Models;

/// <summary>Ids need no tokenizer, not even one that can be read.</summary>
public sealed class IdsOnlyTests
{
    [Fact]
    public void A_broken_tokenizer_is_not_opened_for_ids()
    {
        using var folder = TemporaryFolder.CopyOf(SharedData.MiniWorld("model"));
        File.WriteAllText(folder.File("tokenizer.json"), "{");
        var options = new BackboneOptions { Model = folder.Path };
        Assert.Throws<ModelFormatException>(() => Backbone.Open(options));
        using var backbone = Backbone.Open(options with { IdsOnly = true });
        Assert.Equal(192, backbone.ReadStates([backbone.Encoder.EncodeIds((int[])[2, 5, 7]).ReadAt(ReadOutPosition.Last)], 0).Length);
        Assert.Throws<SparseRMException>(() => backbone.Encoder.EncodeText("words"));
    }

    [Fact]
    public void A_chat_template_without_a_tokenizer_is_refused()
    {
        string folder = SharedData.Shipped("goldens", "models", "llama2");
        var error = Assert.Throws<ModelFormatException>(() => Backbone.Open(new BackboneOptions { Model = folder, ChatTemplate = "chatml" }));
        Assert.Contains("chatml", error.Message);
    }

    [Fact]
    public void The_image_mark_of_gemma3_may_lie_beyond_the_embedding_and_nothing_else_may()
    {
        using var folder = TemporaryFolder.CopyOf(SharedData.MiniWorld("model"));
        string json = File.ReadAllText(folder.File("tokenizer.json"));
        Add("<image_soft_token>");
        Backbone.Open(new BackboneOptions { Model = folder.Path }).Dispose();
        Add("<another>");
        var error = Assert.Throws<ModelFormatException>(() => Backbone.Open(new BackboneOptions { Model = folder.Path }));
        Assert.Contains("2048", error.Message);

        void Add(string token)
        {
            var root = System.Text.Json.Nodes.JsonNode.Parse(json)!;
            root["added_tokens"]!.AsArray().Add(System.Text.Json.Nodes.JsonNode.Parse(
                $$"""{"id": 2048, "content": "{{token}}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}"""));
            File.WriteAllText(folder.File("tokenizer.json"), root.ToJsonString());
        }
    }
}
