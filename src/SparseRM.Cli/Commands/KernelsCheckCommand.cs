using System.CommandLine;
using SparseRM.Benchmarking.Ab;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm kernels check</c>: whether a kernel of one's own computes products, and nothing else.</summary>
internal sealed class KernelsCheckCommand : CliCommand
{
    private readonly Argument<string> _kernel = new("FILE.so") { Description = "a shared library with the functions of native/include/srm_kernel.h" };
    private readonly Option<double?> _limit = Choices.Number("--limit", $"seconds that a product may take before the kernel counts as hung (default: {KernelCheck.DefaultLimit})");
    private readonly Option<bool> _here = new("--here") { Description = "in this process", Hidden = true };

    public KernelsCheckCommand(Session session) : base("check", "Compare a kernel of your own with the reference, in a process of its own", session,
        new Example("cc -O3 -shared -fPIC -Inative/include -o own_matmul.so native/examples/own_matmul.c && sparserm kernels check ./own_matmul.so", "the example in the tree"))
    {
        Arguments.Add(_kernel);
        this.AddAll(_limit, _here, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        string kernel = args.GetRequiredValue(_kernel);
        if (args.GetValue(_here))
        {
            KernelCheck.Here(kernel, line =>
            {
                Session.Out.WriteLine(line);
                Session.Out.Flush();
            });
            return;
        }
        int products = KernelCheck.Run(kernel, args.GetValue(_limit) ?? KernelCheck.DefaultLimit, Session.Cancel);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => new Report().Add("kernel", kernel).Add("right", true).Add("products", products).WriteTo(json));
        else Session.Out.WriteLine($"{kernel}: {products} products are right, each alone and among others, with one thread and three, and nothing else was written");
    }
}
