using System.CommandLine;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm doctor</c>.</summary>
internal sealed class DoctorCommand : CliCommand
{
    public DoctorCommand(Session session) : base("doctor", "Show the machine, the backends found and why others are not, and where caches lie", session,
        new Example("sparserm doctor", "what to send along with a question"))
    {
        Options.Add(CommonOptions.Json);
    }

    protected override void Run(ParseResult args) => Session.Out.WriteLine(Environment.OSVersion);
}
