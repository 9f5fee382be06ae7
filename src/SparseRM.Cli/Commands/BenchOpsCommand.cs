using System.CommandLine;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench ops</c>, for who compares kernels also <c>sparserm kernels bench</c>: every kernel by itself.</summary>
internal sealed class BenchOpsCommand : CliCommand
{
    /// <summary>The value of the field <c>kind</c> in its JSON.</summary>
    public const string Kind = "bench_ops";

    private readonly Option<OpKind?> _op = Choices.Of<OpKind?>("--op", "one op (default: all that have shapes)",
        [.. OpShapes.Ops.Select(op => (op.Name(), (OpKind?)op))]);

    private readonly Option<string> _shape = Choices.Known("--shape",
        "one shape, or all whose names have the parts given, such as gemma-2-2b-16k (default: all; those of 4096 tokens only on a GPU)",
        [.. OpShapes.All.Select(shape => shape.Name)], name => OpShapes.Named(name).Count > 0);

    private readonly Option<int?> _threads = Choices.Whole("--threads", "threads (default: all cores)");
    private readonly Option<bool> _quick = new("--quick") { Description = "fewer calls" };

    public BenchOpsCommand(string name, Session session) : base(name, "Time every kernel on named shapes of real models, after it was seen to compute the right thing", session,
        new Example("sparserm bench ops", "all of them, one to two minutes on a processor"),
        new Example("sparserm bench ops --op matmul --dtype bf16", "the matrix products alone"),
        new Example("sparserm kernels bench --op sae_encode --shape gemma-2-2b-16k --backend cuda:0", "one model's, on a GPU"),
        new Example("sparserm kernels bench --op matmul --variant matmul=avx2", "one kernel instead of all (`kernels bench` and `bench ops` are one command)"),
        new Example("sparserm bench ops --shape gemma2_2b_sae_16k_topk64_256tok --json > before.json", "one shape, to be compared with later"))
        => this.AddAll(_op, _shape, _threads, CommonOptions.DType, CommonOptions.Backend, VariantChoice.Option, _quick, CommonOptions.Json);

    protected override void Run(ParseResult args)
    {
        string? name = args.GetValue(_shape);
        var op = args.GetValue(_op);
        string backend = args.GetValue(CommonOptions.Backend) ?? "auto";
        var shapes = OpShapes.Choose(name, op, backend);
        if (shapes.Count == 0) throw new UsageException($"the shape {name} is not one of {op?.Name()}; it has {Shapes(op!.Value)}");
        var options = new OpBenchOptions
        {
            Shapes = shapes, Backend = backend, Threads = args.GetValue(_threads) ?? Environment.ProcessorCount,
            Types = args.Compute(null) is { } compute ? [compute] : [DType.F32, DType.BF16], Seconds = args.GetValue(_quick) ? 0.05 : 0.3,
            Variants = args.VariantsToCompare(),
        };
        var result = Meter.Run(Session, meter => OpBenchmark.Run(options, meter, Session.Cancel));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => Write(json, options.Threads, result));
        else Show(result);
        if (backend == "auto") Session.Note(BackendCatalog.AutoReason);
        foreach (var (shape, type, variant, problem) in result.NotTimed)
            Session.Warn($"{shape.Op.Name()}={variant} was not timed on {shape.Name} in {Type(type)}: {problem}");
    }

    private static string Shapes(OpKind op) => string.Join(", ", OpShapes.Of(op).Select(shape => shape.Name));

    private void Show(OpBenchResult result)
    {
        Session.Out.WriteLine(result.Backend.Description);
        var table = Tables.Of("Op", "Shape", "Products", "Variant", ">Rows", ">ms", ">GFLOP/s", ">Of peak", ">GB/s");
        foreach (var row in result.Timings)
        {
            table.Row(row.Shape.Op.Name(), row.Shape.Name, Type(row.Compute), row.Variant, $"{row.Rows}",
                BenchReports.Number(row.Seconds.Median * 1e3), BenchReports.Number(row.Gflops),
                row.ShareOfPeak is { } share ? Tables.Percent(share) : "-", BenchReports.Number(row.GBytesPerSecond));
        }
        Session.Tables.Write(table);
        BenchReports.ShowPeaks(Session, result.Peaks);
    }

    private static string Type(DType compute) => compute.Name().ToLowerInvariant();

    private static void Write(Utf8JsonWriter json, int threads, OpBenchResult result)
    {
        new Report().Add("kind", Kind).Add("backend", result.Backend.Name).Add("backend_description", result.Backend.Description)
            .Add("threads", threads).WriteTo(json);
        BenchReports.WriteMachine(json, result.Peaks);
        json.WriteStartArray("ops");
        foreach (var row in result.Timings)
        {
            BenchReports.WriteObject(json, new Report().Add("op", row.Shape.Op.Name()).Add("shape", row.Shape.Name)
                .Add("dtype", Type(row.Compute)).Add("variant", row.Variant).Add("rows", row.Rows).Add("runs", row.Seconds.Count)
                .Add("p50_ms", row.Seconds.Median * 1e3).Add("gflops", row.Gflops).Add("peak_gflops", row.Peak / 1e9).Add("share_of_peak", row.ShareOfPeak)
                .Add("gbytes_per_second", row.GBytesPerSecond).Add("flops_per_byte", row.Shape.Flops(row.Rows) / row.Shape.Bytes(row.Rows, row.Compute)));
        }
        json.WriteEndArray();
        json.WriteStartArray("not_timed");
        foreach (var left in result.NotTimed)
        {
            BenchReports.WriteObject(json, new Report().Add("op", left.Shape.Op.Name()).Add("shape", left.Shape.Name)
                .Add("dtype", Type(left.Compute)).Add("variant", left.Variant).Add("problem", left.Problem));
        }
        json.WriteEndArray();
    }
}
