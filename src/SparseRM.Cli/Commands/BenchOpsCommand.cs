using System.CommandLine;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ab;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Interop;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench ops</c>, for who compares kernels also <c>sparserm kernels bench</c>: every kernel by itself.</summary>
internal sealed class BenchOpsCommand : CliCommand
{
    /// <summary>The value of the field <c>kind</c> in its JSON.</summary>
    public const string Kind = "bench_ops";

    private enum Format
    {
        Table,
        Csv,
        Markdown,
    }

    private readonly Option<OpKind?> _op = Choices.Of<OpKind?>("--op", "one op (default: all that have shapes)",
        [.. OpShapes.Ops.Select(op => (op.Name(), (OpKind?)op))]);

    private readonly Option<string> _shape = Choices.Known("--shape",
        "one shape, or all whose names have the parts given, such as gemma-2-2b-16k (default: all; those of 4096 tokens only on a GPU)",
        [.. OpShapes.All.Select(shape => shape.Name)], name => OpShapes.Named(name).Count > 0);

    private readonly Option<string> _axes = Choices.Text("--axes",
        $"sizes of one's own, all combinations: {string.Join(", ", OpAxes.Forms)}", "OP:AXIS=N,N;AXIS=N");

    private readonly Option<int?> _threads = Choices.Whole("--threads", "threads (default: all cores)");
    private readonly Option<bool> _quick = new("--quick") { Description = "fewer calls" };
    private readonly Option<bool> _cold = new("--cold") { Description = "empty the processor's caches before each call" };
    private readonly Option<double?> _spread = Choices.Number("--spread", "end a row where half the 95 % interval of its median is at most so many percent of it");
    private readonly Option<bool> _list = new("--list") { Description = "list the shapes with their sizes, and time nothing" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "list what would be timed: shapes, types and variants" };
    private readonly Option<string> _resume = Choices.Text("--resume", "keep each row there when it was timed, and take over those that are there already", "FILE.jsonl");
    private readonly Option<string> _trace = Choices.Text("--trace", "write the rows as FlashInfer-Bench traces, too", "FILE.jsonl");
    private readonly Option<Format> _format = Choices.Of("--format", "for people or files (default: table)", ("table", Format.Table), ("csv", Format.Csv), ("markdown", Format.Markdown));
    private readonly Option<string> _kernel = Choices.Text("--kernel", "a kernel of your own for matmul beside ours, once `kernels check` found it right: a shared library, or PTX for cuda:N", "FILE");

    public BenchOpsCommand(string name, Session session) : base(name, "Time every kernel on named shapes of real models, after it was seen to compute the right thing", session,
        new Example("sparserm bench ops", "all of them, one to two minutes on a processor"),
        new Example("sparserm bench ops --op matmul --dtype bf16", "the matrix products alone"),
        new Example("sparserm kernels bench --op sae_encode --shape gemma-2-2b-16k --backend cuda:0", "one model's, on a GPU"),
        new Example("sparserm kernels bench --op matmul --variant matmul=avx2", "one kernel instead of all (`kernels bench` and `bench ops` are one command)"),
        new Example("sparserm bench ops --axes \"matmul:rows=1,16,512;inputs=2304;outputs=9216\" --dtype int8 --format csv", "three shapes of one's own, for a spreadsheet"),
        new Example("sparserm bench ops --kernel ./own_matmul.so --shape miniworld_mlp_up_25tok --dtype f32", "a kernel of your own beside ours"),
        new Example("sparserm bench ops --kernel ./own_matmul.sm_80.ptx --backend cuda:0", "on a GPU: PTX, whose manifest is own_matmul.sm_80.json"),
        new Example("sparserm bench ops --shape gemma2_2b_sae_16k_topk64_256tok --json > before.json", "one shape, to be compared with later"))
    {
        this.AddAll(_op, _shape, _axes, _threads, CommonOptions.DType, CommonOptions.Backend, VariantChoice.Option, _kernel, _quick, _cold, _spread);
        this.AddAll(_list, _dryRun, _resume, _trace, _format, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        bool json = args.GetValue(CommonOptions.Json);
        if (json && args.Has(_format)) throw new UsageException("--json and --format exclude each other");
        string backend = args.GetValue(CommonOptions.Backend) ?? "auto";
        string? kernel = args.GetValue(_kernel);
        if (kernel is not null) backend = KernelCheck.Backend(kernel, backend);
        var shapes = Shapes(args, backend);
        if (args.GetValue(_list))
        {
            BenchOpsReports.List(Session, shapes, json);
            return;
        }
        if (kernel is not null)
        {
            bool excluded = args.GetValue(VariantChoice.Option)?.Any(choice => choice.Key == OpKind.MatMul && choice.Value != OwnKernel.Variant) == true;
            if (excluded || !shapes.Any(shape => shape.Op == OpKind.MatMul))
                throw new UsageException($"--kernel {kernel} would not be timed: it computes matmul, as the variant {OwnKernel.Variant}; leave out what excludes that");
            KernelCheck.Run(kernel, backend, KernelCheck.DefaultLimit, Session.Cancel);
            OwnKernel.Load(kernel);
        }
        var options = new OpBenchOptions
        {
            Shapes = shapes, Backend = backend, Threads = args.GetValue(_threads) ?? Environment.ProcessorCount,
            Types = args.Compute(null) is { } compute ? [compute] : [DType.F32, DType.BF16], Seconds = args.GetValue(_quick) ? 0.05 : args.Has(_spread) ? 5 : 0.3,
            Variants = args.VariantsToCompare(), Cold = args.GetValue(_cold), Spread = args.GetValue(_spread) / 100 ?? 0,
        };
        if (args.GetValue(_dryRun))
        {
            BenchOpsReports.Plan(Session, OpBenchmark.Plan(options), json);
            return;
        }
        string? trace = args.GetValue(_trace);
        OutputFile.Probe(trace, OutputKind.Traces);
        if (args.GetValue(_resume) is { } path)
        {
            if (trace is not null && AtomicFile.Target(trace) == AtomicFile.Target(path)) throw new UsageException($"--resume and --trace are the same file, {path}; each writes its own: name another for one of them");
            options = Resumed(options, path);
        }
        var result = Meter.Run(Session, meter => OpBenchmark.Run(options, meter, Session.Cancel));
        if (options.Variants.Count > 0 && result.Timings.Count == 0 && result.NotTimed is [var none, ..])
            throw new UsageException($"nothing was timed: {none.Variant} on {none.Shape.Name} in {none.Compute.ComputeName()}: {none.Problem}");
        if (trace is not null) Session.WriteData(trace, stream => FlashInferTraces.Write(stream, result));
        if (json) Session.WriteJson(writer => BenchOpsReports.Write(writer, options.Threads, result));
        else if (args.GetValue(_format) == Format.Table) BenchOpsReports.Show(Session, result);
        else BenchOpsReports.Rows(Session.Out, result, markdown: args.GetValue(_format) == Format.Markdown);
        if (backend == "auto") Session.Note(BackendCatalog.AutoReason);
        Warn(result);
    }

    private IReadOnlyList<OpShape> Shapes(ParseResult args, string backend)
    {
        string? name = args.GetValue(_shape);
        var op = args.GetValue(_op);
        if (args.GetValue(_axes) is { } axes)
        {
            if (name is not null || op is not null) throw new UsageException("--axes names op and sizes; leave --op and --shape out");
            return OpAxes.Are(axes) ? OpAxes.Parse(axes) : throw new UsageException($"--axes: '{axes}' is not of the form {OpAxes.Forms[0]}");
        }
        var shapes = OpShapes.Choose(name, op, backend);
        return shapes.Count > 0 ? shapes
            : throw new UsageException($"the shape {name} is not one of {op?.Name()}; it has {string.Join(", ", OpShapes.Of(op!.Value).Select(shape => shape.Name))}");
    }

    private OpBenchOptions Resumed(OpBenchOptions options, string path)
    {
        string description;
        using (var opened = BackendCatalog.Open(options.Backend, options.Threads)) description = opened.Description;
        OpJournal? journal = null;
        OutputFile.Write(path, () => journal = OpJournal.Open(path, description, options));
        if (journal!.Count > 0) Session.Note($"{path} has {journal.Count} rows already");
        Session.AfterInterrupt = $"the rows so far are in {path}: run the same again";
        return options with { Known = journal.Known, Timed = journal.Add };
    }

    private void Warn(OpBenchResult result)
    {
        foreach (var (shape, type, variant, problem) in result.NotTimed)
            Session.Warn($"{shape.Op.Name()}={variant} was not timed on {shape.Name} in {type.ComputeName()}: {problem}");
        foreach (var row in result.Timings.Where(row => row.IsUnderFloor))
            Session.Warn($"{row.Shape.Op.Name()}={row.Variant} took less time on {row.Shape.Name} than this machine can: {row.Seconds.Median * 1e3:G4} ms, at least {row.Floor * 1e3:G4} ms are needed; the row says nothing");
        if (result.LoadOfOthers > AbResult.Busy)
            Session.Warn($"other programs took {Tables.Percent(result.LoadOfOthers)} of the machine meanwhile; times of an idle one are worth more");
    }
}
