using System.CommandLine;
using System.CommandLine.Invocation;
using SparseRM.Cli.Commands;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli;

/// <summary>The tree of commands, and what happens around each of them.</summary>
internal static class CommandLine
{
    private const string Description = """
        SparseRM scores answers with a language model's own hidden states: a frozen model runs up to one layer, its residual stream is
        projected on a few directions of a sparse autoencoder, and a small head turns the projection into a reward.

        Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted.
        """;

    /// <summary>Parses, runs, and turns whatever goes wrong into one sentence and an exit code.</summary>
    public static int Run(string[] args, Session session)
    {
        try
        {
            var parsed = Root(session).Parse(args);
            session.Debug = parsed.GetValue(CommonOptions.Debug);
            if (parsed.Action is ParseErrorAction) throw new UsageException(Sentence(parsed));
            int code = parsed.Invoke(new InvocationConfiguration
            {
                Output = session.Out,
                Error = session.Messages,
                EnableDefaultExceptionHandler = false,
                // Signals cancel the session's token instead.
                ProcessTerminationTimeout = null,
            });
            session.Out.Flush();
            return code;
        }
        catch (Exception error)
        {
            return Failure.Report(error, session);
        }
    }

    private static RootCommand Root(Session session)
    {
        var root = new RootCommand(Description)
        {
            new DoctorCommand(session),
        };
        root.Options.Add(CommonOptions.Debug);
        Examples.AddTo(root,
            new("sparserm demo", "the whole method on the model that comes with it"),
            new("sparserm fit --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --data pairs.jsonl --output reward.safetensors", "learn a reward from preference pairs"),
            new("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl", "score answers with it"));
        return root;
    }

    private static string Sentence(ParseResult parsed)
    {
        string path = string.Join(' ', parsed.CommandResult.Command.Parents.OfType<Command>().Select(parent => parent.Name).Reverse().Append(parsed.CommandResult.Command.Name));
        string problem = parsed.Tokens.Count == 0 ? "no command was given" : parsed.Errors[0].Message.TrimEnd('.');
        return $"{problem}; see `{path} --help`";
    }
}
