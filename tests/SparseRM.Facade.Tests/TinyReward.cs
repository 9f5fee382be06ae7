using System.Text.Json;
using SparseRM.Facade.Tests;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;

[assembly: AssemblyFixture(typeof(TinyReward))]

namespace SparseRM.Facade.Tests;

/// <summary>Random heads on tiny random models whose tokens are bytes: what scoring does at the least cost.</summary>
public sealed class TinyReward : IDisposable
{
    private const int Layer = 1, Hidden = 16;
    private readonly Dictionary<string, TemporaryFolder> _folders = [];

    public TinyReward()
    {
        foreach (string family in Families)
        {
            var folder = _folders[family] = TemporaryFolder.CopyOf(SharedData.Shipped("goldens", "models", family));
            File.WriteAllText(folder.File("tokenizer.json"), ByteTokenizer());
            Save(folder);
        }
    }

    /// <summary>Soft-caps, sliding window and post-norms; QK norms; biases. All with grouped heads.</summary>
    public static string[] Families { get; } = ["gemma2", "qwen3", "qwen2"];

    /// <summary>Where the model of a family lies.</summary>
    public string Folder(string family) => _folders[family].Path;

    /// <summary>Opens two blocks of the model of a family, with its head.</summary>
    public RewardScorer Open(string family, BackboneOptions? options = null) =>
        RewardScorer.Open(Reward(_folders[family]), (options ?? World.Backbone) with { Model = _folders[family].Path });

    /// <summary>Opens blocks 0..layer of the model of a family.</summary>
    public Backbone Backbone(string family, BackboneOptions? options = null, int layer = Layer) =>
        SparseRM.Backbone.Open((options ?? World.Backbone) with { Model = _folders[family].Path, ChatTemplate = "none" }, layer);

    public void Dispose()
    {
        foreach (var folder in _folders.Values) folder.Dispose();
    }

    private static string Reward(TemporaryFolder folder) => folder.File("reward.safetensors");

    private static void Save(TemporaryFolder folder)
    {
        using var backbone = SparseRM.Backbone.Open(new BackboneOptions { Model = folder.Path, ChatTemplate = "none" }, Layer);
        RewardModelFile.Save(Reward(folder), Reward(backbone));
    }

    /// <summary>A random reward model for a backbone.</summary>
    public static RewardModel Reward(Backbone backbone, int layer = Layer, ReadOutPosition position = ReadOutPosition.Last, int seed = 1, int heads = 1)
    {
        var random = new SeededRandom(seed);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
        var input = HeadInputs.Random(8, backbone.DModel, seed);
        RewardHead[] all = [.. Enumerable.Range(0, heads).Select(_ => new RewardHead(input.Count, Hidden, Values(Hidden * input.Count), Values(Hidden), Values(Hidden), 0))];
        var metadata = new RewardModelMetadata
        {
            Identity = backbone.Identity(layer, position), TemplateSource = backbone.Template!.Source, DType = "bf16", SaeId = null, GatingMode = null, Loss = "margin",
            Margin = 1, K = 8, Seed = 1, DataHash = "none", Pairs = 1, HeldOutPairs = 0, HeldOutAccuracy = null,
            EngineVersion = RewardTrainer.EngineVersion,
        };
        return new RewardModel([new RewardComponent(RewardComponent.DefaultName, 1, input, all, new float[input.Count], metadata)]);
    }

    /// <summary>A tokenizer.json with a token for each byte, written in GPT-2's alphabet: bytes that cannot be printed stand beyond U+0100.</summary>
    private static string ByteTokenizer()
    {
        var vocabulary = new Dictionary<string, int>();
        int moved = 256;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            vocabulary[$"{(char)(printable ? value : moved++)}"] = value;
        }
        return JsonSerializer.Serialize(new
        {
            pre_tokenizer = new { type = "ByteLevel", add_prefix_space = false },
            model = new { type = "BPE", vocab = vocabulary, merges = Array.Empty<string>() },
        });
    }
}
