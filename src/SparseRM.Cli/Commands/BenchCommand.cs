using System.CommandLine;
using SparseRM.Benchmarking;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench</c>: how fast scores come, and how near to what the machine can do.</summary>
internal sealed class BenchCommand : CliCommand
{
    private readonly Option<string> _shape = Choices.Of("--shape", "a model's shape with made-up weights (default: gemma-2-2b), or miniworld, the demo's model",
        [.. ModelShapes.Names.Select(name => (name, name))]);

    private readonly Option<string> _model = Choices.Text("--model", "a model folder or hub id with its own weights, instead of a shape", "FOLDER|ID");
    private readonly Option<int?> _layer = Choices.Whole("--layer", "last block that runs, from 0 on", least: 0);
    private readonly Option<int?> _blocks = Choices.Whole("--blocks", "number of blocks that run, one more than --layer (default: the shape's usual number)");
    private readonly Option<int?> _tokens = Choices.Whole("--tokens", "tokens of a sequence (default: 512; 25 for miniworld)");
    private readonly Option<int?> _batch = Choices.Whole("--batch", "sequences of a call; the result is then known by the batch (default: 1, and 8 short ones beside it)");
    private readonly Option<int[]> _threads = Choices.WholeNumbers("--threads", "threads (default: all cores), or several numbers to compare: 1,2");
    private readonly Option<int?> _runs = Choices.Whole("--runs", "timed calls of each kind (default: what a minute allows)");
    private readonly Option<bool> _quick = new("--quick") { Description = "a few seconds: fewer calls, no group" };
    private readonly Option<string> _plot = Choices.Text("--plot", "draw the result under the roofs of the machine, with the ops by themselves", "FILE.html|FILE.png");

    public BenchCommand(Session session) : base("bench", "Measure how fast scores come on this machine, and how near to its limits", session,
        new Example("sparserm bench", "Gemma-2-2B's shape to block 12, about a minute"),
        new Example("sparserm bench --shape llama-3.2-1b --tokens 128 --batch 8 --threads 1,2 --json > today.json", "eight sequences a call, on one thread and two"),
        new Example("sparserm bench --shape qwen2.5-1.5b --plot roofline.html", "with a picture of what limits what"),
        new Example("sparserm bench --model google/gemma-2-2b-it --layer 12 --dtype bf16", "a real model"),
        new Example("sparserm bench --shape gemma-2-2b --variant matmul=avx2 --variant gated_matmul=avx2 --variant attention=avx2 --dtype f32",
            "what takes the time as a machine without AVX-512 would run it"))
    {
        this.AddAll(_shape, _model, _layer, _blocks, _tokens, _batch, _threads, _runs, _quick, CommonOptions.DType, CommonOptions.Backend,
            VariantChoice.Option, CommonOptions.MaxBatchTokens);
        this.AddAll(_plot, CommonOptions.Json);
        Add(new BenchOpsCommand("ops", session));
        Add(new BenchAbCommand(session));
        Add(new BenchSideCommand(session));
        Add(new BenchTrafficCommand(session));
        Add(new BenchCompareCommand(session));
        Add(new BenchServeCommand(session));
    }

    protected override void Run(ParseResult args)
    {
        var options = Asked(args);
        string? plot = args.GetValue(_plot);
        if (plot is not null) RooflinePlot.Probe(plot);
        var (result, ops) = Meter.Run(Session, meter =>
        {
            var scores = ScoringBenchmark.Run(options, meter, Session.Cancel);
            return (scores, plot is null ? null : RooflinePoints.Time(scores, meter, Session.Cancel));
        });
        if (ops is not null) RooflinePlot.Write(Session, plot!, RooflinePoints.Title(result), result.Peaks, [.. RooflinePoints.Of(result), .. RooflinePoints.Of(ops)]);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => BenchReports.Write(json, result));
        else BenchReports.Show(Session, result);
    }

    private BenchOptions Asked(ParseResult args)
    {
        if (args.Has(_shape) && args.Has(_model)) throw new UsageException("--shape and --model exclude each other");
        if (args.Has(_layer) && args.Has(_blocks)) throw new UsageException("--layer and --blocks say the same; give one of them");
        bool isFolder = args.Has(_model);
        if (isFolder && !args.Has(_layer) && !args.Has(_blocks)) throw new UsageException("--model needs --layer or --blocks: how far the model runs");
        int[] threads = args.GetValue(_threads) is { Length: > 0 } given ? given : [Environment.ProcessorCount];
        if (threads.Contains(0)) throw new UsageException("--threads: 0 is not a number of threads");
        var options = new BenchOptions
        {
            Model = args.GetValue(_model) ?? args.GetValue(_shape) ?? "gemma-2-2b",
            IsFolder = isFolder,
            Blocks = args.GetValue(_blocks) ?? args.GetValue(_layer) + 1,
            Tokens = args.GetValue(_tokens),
            Batch = args.GetValue(_batch),
            Threads = threads,
            Runs = args.GetValue(_runs),
            Quick = args.GetValue(_quick),
            Backend = args.GetValue(CommonOptions.Backend) ?? "auto",
            Variants = args.Variants(),
            Compute = args.Compute(null),
            MaxBatchTokens = args.GetValue(CommonOptions.MaxBatchTokens) ?? BatchPlan.DefaultTokens,
        };
        // A shape is known before any file is read: that it is too small for what is asked is bad usage.
        try
        {
            BenchModel.Of(options);
        }
        catch (SparseRMException error) when (!isFolder)
        {
            throw new UsageException(error.Message);
        }
        return options;
    }
}
