using System.CommandLine;
using SparseRM.Benchmarking.Ab;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm kernels check</c>: whether a kernel of one's own computes products, and nothing else.</summary>
internal sealed class KernelsCheckCommand : CliCommand
{
    private readonly Argument<string> _kernel = new("FILE") { Description = "a shared library with the functions of native/include/srm_kernel.h, or PTX with its manifest beside it (kernels/README.md)" };
    private readonly Option<double?> _limit = Choices.Number("--limit", $"seconds that a product may take before the kernel counts as hung (default: {KernelCheck.DefaultLimit})", most: 86_400);
    private readonly Option<bool> _here = new("--here") { Description = "in this process", Hidden = true };

    public KernelsCheckCommand(Session session) : base("check", "Compare a kernel of your own with the reference, in a process of its own", session,
        new Example("cc -O3 -shared -fPIC -Inative/include -o own_matmul.so native/examples/own_matmul.c && sparserm kernels check ./own_matmul.so", "the example in the tree"),
        new Example("sparserm kernels check ./own_matmul.sm_80.ptx --backend cuda:0", "a kernel for GPUs, whose manifest is own_matmul.sm_80.json"))
    {
        Arguments.Add(_kernel);
        this.AddAll(CommonOptions.Backend, _limit, _here, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        string kernel = args.GetRequiredValue(_kernel);
        string backend = KernelCheck.Backend(kernel, args.GetValue(CommonOptions.Backend));
        if (args.GetValue(_here))
        {
            using var parent = ChildEnd.Open();
            KernelCheck.Here(kernel, backend, parent.Say);
            return;
        }
        int products = KernelCheck.Run(kernel, backend, args.GetValue(_limit) ?? KernelCheck.DefaultLimit, Session.Cancel);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => new Report().Add("kernel", kernel).Add("right", true).Add("products", products).WriteTo(json));
        else Session.Out.WriteLine($"{kernel}: {products} products are right, each row alone and among others, computed twice, and nothing else was written");
    }
}
