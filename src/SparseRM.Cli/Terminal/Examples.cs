using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace SparseRM.Cli.Terminal;

/// <summary>A command line to copy, and what it is for.</summary>
internal readonly record struct Example(string CommandLine, string Purpose);

/// <summary>Puts an Examples section at the end of a command's <c>--help</c>.</summary>
internal static class Examples
{
    private const int Width = 100;

    public static void AddTo(Command command, params Example[] examples)
    {
        var help = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpWithExamples(new HelpAction { MaxWidth = Width }, examples);
    }

    /// <summary>Lines that a shell takes as one, broken before options.</summary>
    private static IEnumerable<string> Folded(string command)
    {
        string line = "  ";
        foreach (string part in command.Replace(" --", "\n--").Replace(" | ", "\n| ").Split('\n'))
        {
            if (line.Length > 2 && line.Length + 1 + part.Length > Width - 2)
            {
                yield return line + " \\";
                line = "      ";
            }
            line += string.IsNullOrWhiteSpace(line) ? part : " " + part;
        }
        yield return line;
    }

    private sealed class HelpWithExamples(HelpAction inner, Example[] examples) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = inner.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var example in examples)
            {
                output.WriteLine($"  # {example.Purpose}");
                foreach (string line in Folded(example.CommandLine)) output.WriteLine(line);
            }
            return code;
        }
    }
}
