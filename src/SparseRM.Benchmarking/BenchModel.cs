using SparseRM.Demo;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Weights;

namespace SparseRM.Benchmarking;

/// <summary>What is run: a shape with made-up weights, or a folder with its own.</summary>
/// <param name="Name">For people and files.</param>
/// <param name="Config">Its behaviour.</param>
/// <param name="Blocks">Blocks that run.</param>
/// <param name="Folder">Where its weights lie; null for made-up ones.</param>
/// <param name="Note">What a reader of the numbers must know of it.</param>
public sealed record BenchModel(string Name, ModelConfig Config, int Blocks, string? Folder, string Note)
{
    /// <summary>Resolves a name or folder, and how far it runs.</summary>
    /// <exception cref="SparseRMException">The model has fewer blocks, or a shorter context than a sequence; or the folder is no model.</exception>
    public static BenchModel Of(BenchOptions options)
    {
        var model = options.IsFolder ? OfFolder(options) : options.Model == ModelShapes.MiniWorld ? MiniWorld : OfShape(options.Model, options.Seed);
        int blocks = options.Blocks ?? model.Blocks;
        if (blocks < 1 || blocks > model.Config.NLayers)
            throw new SparseRMException($"{model.Name} has {model.Config.NLayers} blocks; {blocks} cannot be run");
        model = model with { Blocks = blocks };
        int longest = model.Tokens(options) + Math.Max(1, model.Tokens(options) / 4);
        if (longest > model.Config.NCtx)
            throw new SparseRMException($"{model.Name} reads at most {model.Config.NCtx} tokens; a prompt of {model.Tokens(options)} with an answer makes {longest}");
        return model;
    }

    /// <summary>Tokens of one sequence: what is asked for, or what is usual for the model.</summary>
    public int Tokens(BenchOptions options) => options.Tokens ?? (IsMiniWorld ? 25 : Math.Min(512, Config.NCtx / 2));

    internal bool IsMiniWorld => Folder == MiniWorldDemo.Model;

    internal Backbone Open(BenchOptions options, int threads, IProgress<WorkProgress>? progress, CancellationToken cancel, long prefixCacheBytes = 0)
    {
        var backbone = new BackboneOptions
        {
            Model = Folder ?? Name, Backend = options.Backend, Threads = threads, Variants = options.Variants,
            Compute = options.Compute, MaxBatchTokens = options.MaxBatchTokens, IdsOnly = !IsMiniWorld,
            IsShared = false, // variants are selected while it is open
            // None by default: the same texts come again and again, and each time all of their work is measured.
            PrefixCacheBytes = prefixCacheBytes,
        };
        var stage = new StageProgress(progress, Folder is null ? "making up blocks" : "loading blocks", Blocks);
        return Folder is null
            ? Backbone.Open(backbone, Config, new RandomWeights(Config, Blocks, options.Seed), Blocks - 1, stage, cancel)
            : Backbone.Open(backbone, Blocks - 1, stage, cancel);
    }

    private static BenchModel OfShape(string name, long seed)
    {
        var shape = ModelShapes.Of(name);
        return new BenchModel(name, shape.Config, shape.Blocks, null,
            $"random weights of seed {seed}; the embedding has {ModelShapes.Vocabulary} of {shape.Vocabulary} rows, which cost memory alone");
    }

    private static BenchModel OfFolder(BenchOptions options)
    {
        string folder = ModelFolder.Resolve(options.Model);
        var config = ArchitectureCatalog.Read(folder);
        return new BenchModel(options.Model, config, config.NLayers, folder, "the folder's own weights, random token ids");
    }

    private static BenchModel MiniWorld
    {
        get
        {
            var config = ArchitectureCatalog.Read(MiniWorldDemo.Model);
            return new BenchModel(ModelShapes.MiniWorld, config, 5, MiniWorldDemo.Model, "the demo's own weights; the batch is its training texts");
        }
    }
}
