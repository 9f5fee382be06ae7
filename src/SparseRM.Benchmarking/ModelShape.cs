using SparseRM.Backends;
using SparseRM.Models;

namespace SparseRM.Benchmarking;

/// <summary>A real model's sizes and behaviour under a name, without its weights.</summary>
/// <param name="Name">What <c>--shape</c> takes.</param>
/// <param name="Config">Its config.json, with the vocabulary cut to <see cref="ModelShapes.Vocabulary"/> rows: they cost memory and nothing else.</param>
/// <param name="Blocks">Blocks to the layer at which its SAEs are commonly read.</param>
/// <param name="Vocabulary">Rows of the real embedding.</param>
public sealed record ModelShape(string Name, ModelConfig Config, int Blocks, int Vocabulary);

/// <summary>The shapes by name, as the models' config.json files on Hugging Face have them.</summary>
public static class ModelShapes
{
    /// <summary>The name that stands for the small model that ships with SparseRM, with its own weights.</summary>
    public const string MiniWorld = "miniworld";

    /// <summary>Rows of the embedding of every shape.</summary>
    public const int Vocabulary = 32_000;

    private static readonly ModelShape[] s_all =
    [
        // Gemma Scope: block 12 of the 2B model, 20 of the 9B model.
        new("gemma-2-2b", Gemma2(nLayers: 26, dModel: 2304, nHeads: 8, nKvHeads: 4, dMlp: 9216), 13, 256_000),
        new("gemma-2-9b", Gemma2(nLayers: 42, dModel: 3584, nHeads: 16, nKvHeads: 8, dMlp: 14336), 21, 256_000),
        // Llama Scope: block 15.
        new("llama-3.1-8b", Llama3(nLayers: 32, dModel: 4096, dHead: 128, dMlp: 14336, factor: 8), 16, 128_256),
        new("llama-3.2-1b", Llama3(nLayers: 16, dModel: 2048, dHead: 64, dMlp: 8192, factor: 32), 8, 128_256),
        new("qwen2.5-1.5b", Qwen25, 14, 151_936),
    ];

    /// <summary>What <see cref="Of"/> takes, and <see cref="MiniWorld"/>.</summary>
    public static IReadOnlyList<string> Names => [.. s_all.Select(shape => shape.Name), MiniWorld];

    /// <summary>The shape of a name of <see cref="Names"/> other than <see cref="MiniWorld"/>.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static ModelShape Of(string name) => s_all.FirstOrDefault(shape => shape.Name == name)
        ?? throw new ArgumentException($"there is no shape \"{name}\"; there are {string.Join(", ", Names)}", nameof(name));

    private static ModelConfig Gemma2(int nLayers, int dModel, int nHeads, int nKvHeads, int dMlp) => new()
    {
        Family = "gemma2", NLayers = nLayers, DModel = dModel, NHeads = nHeads, NKvHeads = nKvHeads, DHead = 256, DMlp = dMlp,
        DVocab = Vocabulary, NCtx = 8192, RmsNormEps = 1e-6f, RmsNormUnitOffset = true, PostNorms = true, ScaleEmbedding = true,
        QueryScale = 1 / 16f, AttnLogitSoftcap = 50, Activation = GatedActivationKind.GeluTanh,
        LayerWindows = [.. Enumerable.Range(0, nLayers).Select(layer => layer % 2 == 0 ? 4096 : 0)],
        Ropes = [new RopeConfig(10_000, new RopeScaling("default"))], LayerRopes = new int[nLayers],
    };

    private static ModelConfig Llama3(int nLayers, int dModel, int dHead, int dMlp, int factor) => new()
    {
        Family = "llama", NLayers = nLayers, DModel = dModel, NHeads = 32, NKvHeads = 8, DHead = dHead, DMlp = dMlp,
        DVocab = Vocabulary, NCtx = 131_072, RmsNormEps = 1e-5f, QueryScale = 1 / MathF.Sqrt(dHead), Activation = GatedActivationKind.Silu,
        LayerWindows = new int[nLayers],
        Ropes = [new RopeConfig(500_000, new RopeScaling("llama3", factor, 1, 4, 8192))], LayerRopes = new int[nLayers],
    };

    private static ModelConfig Qwen25 => new()
    {
        Family = "qwen2", NLayers = 28, DModel = 1536, NHeads = 12, NKvHeads = 2, DHead = 128, DMlp = 8960,
        DVocab = Vocabulary, NCtx = 131_072, RmsNormEps = 1e-6f, QueryScale = 1 / MathF.Sqrt(128), Activation = GatedActivationKind.Silu,
        QkvBias = true, LayerWindows = new int[28],
        Ropes = [new RopeConfig(1_000_000, new RopeScaling("default"))], LayerRopes = new int[28],
    };
}
