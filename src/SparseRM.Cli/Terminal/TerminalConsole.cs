using System.Text;
using Spectre.Console;

namespace SparseRM.Cli.Terminal;

/// <summary>Makes the consoles of tables and progress bars.</summary>
internal static class TerminalConsole
{
    /// <summary>A console that writes to <paramref name="writer"/>: plain text where that is no terminal, without colours where the user wants none.</summary>
    public static IAnsiConsole Of(TextWriter writer, bool isTerminal)
    {
        bool plain = !isTerminal || Environment.GetEnvironmentVariable("TERM") == "dumb";
        bool colourless = plain || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        return AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = colourless ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = plain ? InteractionSupport.No : InteractionSupport.Yes,
            Out = new TerminalOutput(plain ? new TrimmedWriter(writer) : writer, isTerminal),
        });
    }

    private sealed class TerminalOutput(TextWriter writer, bool isTerminal) : IAnsiConsoleOutput
    {
        // Nobody folds a file, so tables that go there are as wide as they need.
        private const int WidthOfFiles = 240;

        public TextWriter Writer => writer;

        public bool IsTerminal => isTerminal;

        public int Width => isTerminal && Console.WindowWidth > 0 ? Console.WindowWidth : WidthOfFiles;

        public int Height => isTerminal && Console.WindowHeight > 0 ? Console.WindowHeight : 40;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
