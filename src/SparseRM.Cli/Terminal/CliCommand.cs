using System.CommandLine;

namespace SparseRM.Cli.Terminal;

/// <summary>A command with examples in its help.</summary>
internal abstract class CliCommand : Command
{
    protected CliCommand(string name, string description, Session session, params Example[] examples) : base(name, description)
    {
        Session = session;
        Examples.AddTo(this, session, examples);
        SetAction(args =>
        {
            Run(args);
            return 0;
        });
    }

    protected Session Session { get; }

    /// <summary>Does the work; every failure is an exception.</summary>
    protected abstract void Run(ParseResult args);
}
