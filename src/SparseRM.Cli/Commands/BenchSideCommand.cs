using System.CommandLine;
using SparseRM.Benchmarking.Ab;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench side</c>, hidden: one of the processes of <c>bench ab</c>.</summary>
internal sealed class BenchSideCommand : CliCommand
{
    private readonly Option<string> _shape = Choices.Text("--shape", "the shape", "NAME", required: true);
    private readonly Option<string> _library = Choices.Text("--library", "another build, or a kernel", "FILE.so");
    private readonly Option<string> _variant = Choices.Text("--kernel-variant", "the variant", "NAME");
    private readonly Option<int?> _seed = Choices.Whole("--seed", "of the inputs");
    private readonly Option<bool> _cold = new("--cold") { Description = "with empty caches" };

    public BenchSideCommand(Session session) : base("side", "One side of `bench ab`, told on standard input when to measure", session)
    {
        Hidden = true;
        this.AddAll(_shape, _library, _variant, _seed, _cold, CommonOptions.DType, CommonOptions.Backend, CommonOptions.Threads);
    }

    protected override void Run(ParseResult args)
    {
        using var parent = ChildEnd.Open();
        SideLoop.Run(
            args.GetValue(_library), args.GetValue(_variant), OpShapes.One(args.GetRequiredValue(_shape)), args.Compute(null) ?? DType.BF16,
            args.GetValue(CommonOptions.Backend) ?? "cpu", args.GetValue(CommonOptions.Threads) ?? 0, args.GetValue(_seed) ?? 1, args.GetValue(_cold), parent);
    }
}
