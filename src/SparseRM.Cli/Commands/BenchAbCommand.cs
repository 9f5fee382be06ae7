using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ab;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench ab</c>: whether one kernel is faster than another, measured in turn.</summary>
internal sealed class BenchAbCommand : CliCommand
{
    private const string Form = "VARIANT, FILE.so (another build's libsparserm_kernels, or a kernel of your own), FILE.so:VARIANT, FILE.ptx (a kernel of your own for GPUs), or `this` for this build's default";
    private readonly Argument<string> _first = new("A") { Description = $"what is compared with: {Form}" };
    private readonly Argument<string> _second = new("B") { Description = "what is asked about, likewise" };

    private readonly Option<string> _shape = Choices.Text("--shape",
        "a shape of `bench ops --list`, or an op with its sizes (default: gemma2_2b_mlp_up_512tok)", "NAME|OP:AXIS=N;AXIS=N");

    private readonly Option<double?> _confidence = Choices.Number("--confidence", "how sure a verdict is, in percent (default: 99)");
    private readonly Option<double?> _margin = Choices.Number("--margin", "differences up to so many percent say nothing (default: 1)");
    private readonly Option<double?> _spread = Choices.Number("--spread", "stop where half the interval of the rounds' ratio is at most so many percent (default: 0.2)");
    private readonly Option<int?> _rounds = Choices.Whole("--rounds", "rounds at most (default: 200)");
    private readonly Option<double?> _seconds = Choices.Number("--seconds", "seconds at most, beside the start of the processes (default: 20)", most: 86_400);
    private readonly Option<double?> _limit = Choices.Number("--limit", "seconds after which a side that does not answer counts as hung (default: 120)", most: 86_400);
    private readonly Option<bool> _cold = new("--cold") { Description = "empty the caches before each call" };

    public BenchAbCommand(Session session) : base("ab", "Compare two kernels, or two builds, in turn: faster, slower, same or undecided", session,
        new Example("sparserm bench ab avx2 avx512 --dtype f32", "two variants of this build"),
        new Example("sparserm bench ab before/libsparserm_kernels.so this --shape \"attention:length=512;heads=8;kv_heads=4;d_head=256\"", "an older build with this one"),
        new Example("sparserm bench ab avx512 ./own_matmul.so --dtype f32 --shape miniworld_mlp_up_25tok --json", "a kernel of your own"))
    {
        Arguments.Add(_first);
        Arguments.Add(_second);
        this.AddAll(_shape, CommonOptions.DType, CommonOptions.Backend, CommonOptions.Threads, _confidence, _margin, _spread, _rounds, _seconds, _limit, _cold, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        double confidence = args.GetValue(_confidence) ?? 99;
        if (confidence >= 100) throw new UsageException("--confidence is a percentage below 100");
        var options = new AbOptions
        {
            First = Side.Parse(args.GetRequiredValue(_first)), Second = Side.Parse(args.GetRequiredValue(_second)),
            Shape = OpShapes.One(args.GetValue(_shape) ?? "gemma2_2b_mlp_up_512tok"), Compute = args.Compute(DType.BF16) ?? DType.BF16,
            Backend = Backend(args),
            Threads = args.GetValue(CommonOptions.Threads) ?? 0, Cold = args.GetValue(_cold), Confidence = confidence / 100,
        };
        options = options with
        {
            Margin = args.GetValue(_margin) / 100 ?? options.Margin,
            Spread = args.GetValue(_spread) / 100 ?? options.Spread,
            Rounds = args.GetValue(_rounds) ?? options.Rounds,
            Seconds = args.GetValue(_seconds) ?? options.Seconds,
            Limit = args.GetValue(_limit) ?? options.Limit,
        };
        RequireVariants(options);
        var result = Meter.Run(Session, meter => AbBenchmark.Run(options, meter, Session.Cancel));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => Facts(result).WriteTo(json));
        else Show(result);
        if (result.LoadOfOthers > AbResult.Busy)
            Session.Warn($"other programs took {Tables.Percent(result.LoadOfOthers)} of the machine meanwhile; a verdict on an idle one is worth more");
    }

    private string Backend(ParseResult args)
    {
        string? asked = args.GetValue(CommonOptions.Backend);
        return new[] { _first, _second }.Select(side => args.GetRequiredValue(side)).FirstOrDefault(side => side.EndsWith(".ptx", StringComparison.Ordinal)) is { } kernel
            ? KernelCheck.Backend(kernel, asked)
            : asked is null or "auto" ? BackendCatalog.Auto : asked;
    }

    // A variant of this build is known before any process starts; what a file has is not.
    private static void RequireVariants(AbOptions options)
    {
        var named = new[] { ("A", options.First), ("B", options.Second) }.Where(side => side.Item2 is { Library: null, Variant: not null }).ToArray();
        if (named.Length == 0) return;
        using var backend = BackendCatalog.Open(options.Backend, threads: 1);
        foreach (var (name, side) in named)
        {
            VariantChoice.Require(backend, options.Shape.Op, side.Variant!, toCompare: true, name);
            string computing = backend.Computing(options.Shape.Op, side.Variant!, options.Compute);
            if (computing != side.Variant) throw new UsageException($"{name}: {side.Variant} has no kernel for {options.Compute.ComputeName()}, {computing} would run in its place; compare that, or give another --dtype");
        }
    }

    private void Show(AbResult result)
    {
        var (comparison, (low, high)) = (result.Comparison, result.Comparison.Interval);
        var (shape, compute) = (result.Options.Shape, result.Options.Compute);
        var table = Tables.Of("", "Kernel", ">ms", ">GFLOP/s");
        table.Row("A", Label(result.Options.First, result.Names.First), BenchReports.Number(result.Seconds.First * 1e3), Rate(result.Seconds.First));
        table.Row("B", Label(result.Options.Second, result.Names.Second), BenchReports.Number(result.Seconds.Second * 1e3), Rate(result.Seconds.Second));
        Session.Out.WriteLine($"{shape.Op.Name()} {shape.Name}, {compute.ComputeName()}, {comparison.Rounds} rounds in {result.Options.Placements} pairs of processes");
        Session.Tables.Write(table);
        Session.Out.WriteLine(FormattableString.Invariant(
            $"B takes {Times(comparison.Ratio)} times A's time ({Times(low)} to {Times(high)} with {comparison.Confidence:P0} confidence); bits {(result.SameBits ? "the same" : "differ")}"));
        Session.Out.WriteLine($"verdict: {Word(comparison.Verdict)}");

        string Rate(double seconds) => BenchReports.Number(shape.Flops(shape.Rows) / seconds / 1e9);
    }

    // Four significant digits.
    private static string Times(double ratio) =>
        ratio.ToString(ratio switch { >= 1000 => "F0", >= 100 => "F1", >= 10 => "F2", >= 1 => "F3", >= 0.1 => "F4", _ => "F5" }, CultureInfo.InvariantCulture);

    private static string Label(Side side, string variant) => side.Text == variant ? variant : $"{side.Text} ({variant})";

    private static string Word(Verdict verdict) => verdict.ToString().ToLowerInvariant();

    private static Report Facts(AbResult result) => new Report().Add("kind", "bench_ab").Add("verdict", Word(result.Comparison.Verdict))
        .Add("op", result.Options.Shape.Op.Name()).Add("shape", result.Options.Shape.Name).Add("dtype", result.Options.Compute.ComputeName())
        .Add("backend", result.Options.Backend).Add("a", result.Options.First.Text).Add("b", result.Options.Second.Text)
        .Add("a_variant", result.Names.First).Add("b_variant", result.Names.Second)
        .Add("a_ms", result.Seconds.First * 1e3).Add("b_ms", result.Seconds.Second * 1e3).Add("ratio", result.Comparison.Ratio)
        .Add("ratio_low", result.Comparison.Interval.Low)
        .Add("ratio_high", double.IsFinite(result.Comparison.Interval.High) ? result.Comparison.Interval.High : null)
        .Add("confidence", result.Comparison.Confidence).Add("margin", result.Comparison.Margin).Add("rounds", result.Comparison.Rounds).Add("pairs_of_processes", result.Comparison.Placements.Count)
        .Add("same_bits", result.SameBits).Add("load_of_others", result.LoadOfOthers);
}
