using System.CommandLine;
using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>What <c>make-pairs</c>, <c>best-of</c> and <c>filter</c> share: rows of JSON to a file, whole or not at all, or to standard output; and what was done.</summary>
internal static class RowsOutput
{
    public static Option<string> Output { get; } =
        Choices.Text("--output", "jsonl to write, whole or not at all; - or nothing is standard output, where rows come before a fault at the end of the input is known", "FILE");

    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "print a JSON object with what was done: on standard output where --output names a file, else on standard error",
    };

    /// <summary>Writes the rows, then tells what was done.</summary>
    /// <param name="session">Has the streams.</param>
    /// <param name="args">Has <see cref="Output"/> and <see cref="Json"/>.</param>
    /// <param name="write">Writes the rows and says what was done, as facts for programs and as a sentence for people.</param>
    public static void Run(Session session, ParseResult args, Func<Stream, (Report Facts, string Said)> write)
    {
        string? output = args.GetValue(Output);
        (Report Facts, string Said) done = (new Report(), "");
        session.WriteData(output, stream => done = write(stream));
        bool toFile = output is not (null or "-");
        if (!args.GetValue(Json)) session.Say(done.Said);
        else if (toFile) session.WriteJson(done.Facts.Add("output", output).WriteTo);
        else session.WriteMessage(done.Facts.WriteTo);
    }

    /// <summary>Runs what reads lines of scores; a bad line is told with what the user may do.</summary>
    public static T Advised<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DataFormatException error) when (error.Line > 0)
        {
            throw error.WithAdvice("fix the line");
        }
    }
}
