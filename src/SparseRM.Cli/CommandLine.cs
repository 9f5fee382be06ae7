using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using SparseRM.Cli.Commands;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli;

/// <summary>The tree of commands, and what happens around each of them.</summary>
internal static class CommandLine
{
    // A line for each paragraph: the help folds them to its own width.
    private const string Description =
        "SparseRM scores answers with a language model's own hidden states: a frozen model runs up to one layer, its residual stream is projected on a few "
        + "directions of a sparse autoencoder, and a small head turns the projection into a reward.\n\n"
        + "Data goes to standard output, messages to standard error. With --json an error is a line of JSON on standard error: "
        + "{\"error\": {\"kind\": \"...\", \"message\": \"...\"}}. As --output, - is standard output.\n"
        + "Exit codes: 0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted.\n"
        + "Environment: HF_HOME or HF_HUB_CACHE (where hub ids are looked up), SPARSERM_CACHE (computed hidden states), NO_COLOR.";

    /// <summary>Parses, runs, and turns whatever goes wrong into one sentence and an exit code.</summary>
    public static int Run(string[] args, Session session)
    {
        try
        {
            session.IsJson = args.Contains(CommonOptions.Json.Name);
            var parsed = Root(session).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            session.Debug = parsed.GetValue(CommonOptions.Debug);
            if (parsed.Action is ParseErrorAction) throw new UsageException(Sentence(parsed));
            HelpWords.AddTo(parsed.CommandResult.Command);
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
        var reproduce = new Command("reproduce", "Repeat published results on your own model and data") { new ReproducePaperCommand(session) };
        Examples.AddTo(reproduce, session,
            new Example("sparserm reproduce paper --model google/gemma-2-9b-it --sae gemma-scope-9b-it-res/layer_31/width_131k/average_l0_63 --task TruthfulQA=truthful.jsonl", "one of its tasks"));
        var root = new RootCommand(Description)
        {
            new DemoCommand(session),
            new FitCommand(session),
            new CombineCommand(session),
            new ScoreCommand(session),
            new EvaluateCommand(session),
            new BaselinesCommand(session),
            new SweepCommand(session),
            new RobustnessCommand(session),
            new MonitorCommand(session),
            new ReportCommand(session),
            new LatentsCommand(session),
            new MapCommand(session),
            reproduce,
            new MakePairsCommand(session),
            new BestOfCommand(session),
            new FilterCommand(session),
            new TrainSaeCommand(session),
            new ServeCommand(session),
#if !AOT
            new FarmCommand(session),
#endif
            new InspectCommand(session),
            new ActivationsCommand(session),
            new EncodeCommand(session),
            new TokenizeCommand(session),
            new BenchCommand(session),
            new KernelsCommand(session),
            new DoctorCommand(session),
        };
        root.Options.Add(CommonOptions.Debug);
        Examples.AddTo(root, session,
            new("sparserm demo", "the whole method on the model that comes with it"),
            new(
                "sparserm fit --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 "
                    + "--data pairs.jsonl --output reward.safetensors",
                "learn a reward from preference pairs"),
            new("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl", "score answers with it"));
        return root;
    }

    private static string Sentence(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        // A command in two places has two parents: the path is that of the one that was given.
        var names = new List<string>();
        for (SymbolResult? at = parsed.CommandResult; at is not null; at = at.Parent)
            if (at is CommandResult given) names.Insert(0, given.Command.Name);
        string path = string.Join(' ', names);
        return $"{Problem(parsed, command)}; see `{path} --help`";
    }

    private static string Problem(ParseResult parsed, Command command)
    {
        if (parsed.Tokens.Count == 0) return "no command was given";
        if (parsed.UnmatchedTokens is not [var unknown, ..]) return parsed.Errors[0].Message.TrimEnd('.');
        var known = command.Options.Select(option => option.Name).Concat(command.Subcommands.Select(part => part.Name));
        string near = known.MinBy(name => Distance(name, unknown)) is { } name && Distance(name, unknown) <= 2 ? $", did you mean {name}" : "";
        return $"'{unknown}' is not {(unknown.StartsWith('-') ? "an option" : "an argument")} of {command.Name}{near}";
    }

    // Levenshtein's distance: insertions, deletions and replacements of a character.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int corner = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (row[j], corner) = (Math.Min(Math.Min(row[j], row[j - 1]) + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)), row[j]);
        }
        return row[^1];
    }
}
