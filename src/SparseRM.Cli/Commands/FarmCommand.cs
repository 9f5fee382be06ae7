using System.CommandLine;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm</c>: one file scored by many machines.</summary>
internal sealed class FarmCommand : Command
{
    public FarmCommand(Session session) : base("farm", "Score a file on many machines, each part checkable by its bytes")
    {
        Add(new FarmSiloCommand(session));
        Add(new FarmSubmitCommand(session));
        Add(new FarmStatusCommand(session));
        Add(new FarmCancelCommand(session));
        Add(new FarmAuditCommand(session));
        Examples.AddTo(this, session,
            new("sparserm farm silo --model google/gemma-2-2b-it --reward reward.safetensors", "a worker; start it again in a second terminal for another one"),
            new("sparserm farm submit --input answers.jsonl --output scores", "score a file, and watch it"),
            new("sparserm farm audit --input answers.jsonl --output scores --sample 1%", "compute one part of a hundred again, and compare the bytes"));
    }
}
