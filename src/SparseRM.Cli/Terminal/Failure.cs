using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>One sentence and an exit code for every way to fail.</summary>
internal static class Failure
{
    public const int BadRun = 1, BadUsage = 2, Interrupted = 130;

    /// <summary>Tells the user on standard error; a stack trace is shown only under <c>--debug</c>.</summary>
    public static int Report(Exception error, Session session)
    {
        if (error is AggregateException { InnerExceptions: [var only] }) error = only;
        if (error is OutputClosedException) return 0;
        if (session.Cancel.IsCancellationRequested || error is OperationCanceledException)
        {
            session.Messages.WriteLine($"interrupted; {session.AfterInterrupt}");
            return Interrupted;
        }
        session.Messages.WriteLine($"error: {OneLine(Sentence(error))}");
        if (session.Debug) session.Messages.WriteLine(error);
        return error is UsageException ? BadUsage : BadRun;
    }

    private static string Sentence(Exception error) => error switch
    {
        SparseRMException or UsageException => error.Message,
        IOException or UnauthorizedAccessException => error.Message,
        OutOfMemoryException => "there is not enough memory for this; try a smaller --max-batch-tokens, or --dtype bf16",
        _ => $"this is a fault in sparserm itself ({error.GetType().Name}: {error.Message}); please report it with the output of the same command and --debug",
    };

    // A file name or a system message may hold line ends; a script that reads the message counts on one line.
    private static string OneLine(string message) =>
        string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
