using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace SparseRM.Cli.Terminal;

/// <summary>A command line to copy, and what it is for.</summary>
internal readonly record struct Example(string CommandLine, string Purpose);

/// <summary>Puts an Examples section at the end of a command's <c>--help</c>.</summary>
internal static class Examples
{
    public static void AddTo(Command command, Session session, params Example[] examples)
    {
        var help = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpWithExamples(new HelpAction { MaxWidth = session.TextWidth }, session.TextWidth, examples);
    }

    /// <summary>Lines that a shell takes as one, broken before options and between commands, elsewhere only where a part is too long by itself.</summary>
    private static IEnumerable<string> Folded(string command, int width)
    {
        string line = "  ";
        foreach (string part in command.Replace(" --", "\n--").Replace(" | ", "\n| ").Replace(" && ", "\n&& ").Split('\n'))
        {
            foreach (string piece in 6 + part.Length <= width - 2 || part.Contains('"') ? [part] : part.Split(' '))
            {
                if (!string.IsNullOrWhiteSpace(line) && line.Length + 1 + piece.Length > width - 2)
                {
                    yield return line + " \\";
                    line = "      ";
                }
                line += string.IsNullOrWhiteSpace(line) ? piece : " " + piece;
            }
        }
        yield return line;
    }

    private sealed class HelpWithExamples(HelpAction inner, int width, Example[] examples) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var output = parseResult.InvocationConfiguration.Output;
            using var text = new StringWriter();
            parseResult.InvocationConfiguration.Output = text;
            int code = inner.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output = output;
            // The library leaves the blank at which it breaks a line.
            foreach (string line in text.ToString().TrimEnd().Split('\n')) output.WriteLine(line.TrimEnd());
            output.WriteLine();
            output.WriteLine("Examples:");
            foreach (var example in examples)
            {
                foreach (string line in Wording.Fold(example.Purpose, width - 4)) output.WriteLine($"  # {line}");
                foreach (string line in Folded(example.CommandLine, width)) output.WriteLine(line);
            }
            return code;
        }
    }
}
