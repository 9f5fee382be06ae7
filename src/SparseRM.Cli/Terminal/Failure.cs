using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>One sentence and an exit code for every way to fail.</summary>
internal static class Failure
{
    public const int BadRun = 1, BadUsage = 2, Interrupted = 130;

    /// <summary>Tells the user on standard error, in JSON where that was asked for; a stack trace is shown only under <c>--debug</c>.</summary>
    public static int Report(Exception error, Session session)
    {
        if (error is AggregateException { InnerExceptions: [var only] }) error = only;
        if (error is OutputClosedException) return 0;
        if (session.Cancel.IsCancellationRequested || error is OperationCanceledException)
        {
            string rest = $"interrupted; {session.AfterInterrupt}";
            if (session.IsJson) WriteJson(session, ErrorKind.Cancelled, rest);
            else session.Messages.WriteLine(rest);
            return Interrupted;
        }
        var kind = error is UsageException ? ErrorKind.Usage : SparseRMException.KindOf(error);
        string sentence = OneLine(Wording.OfCommandLine(Sentence(error)));
        if (session.IsJson) WriteJson(session, kind, sentence);
        else session.Messages.WriteLine($"error: {sentence}");
        if (session.Debug) session.Messages.WriteLine(error);
        return error is UsageException or SparseRMException { Kind: ErrorKind.Usage } ? BadUsage : BadRun;
    }

    private static void WriteJson(Session session, ErrorKind kind, string sentence) => session.WriteMessage(json =>
    {
        json.WriteStartObject("error");
        json.WriteString("kind", kind.ToString().ToLowerInvariant());
        json.WriteString("message", sentence);
        json.WriteEndObject();
    });

    private static string Sentence(Exception error) => error switch
    {
        SparseRMException or UsageException => error.Message,
        IOException or UnauthorizedAccessException => error.Message,
        OutOfMemoryException => "there is not enough memory for this; try a smaller --max-batch-tokens, or --dtype bf16",
        _ => $"this is a fault in sparserm itself ({error.GetType().Name}: {error.Message}); please report it with the output of the same command and --debug",
    };

    // A file name or a system message may hold line ends and marks that a terminal obeys; a script that reads the message counts on one line.
    private static string OneLine(string message) => PlainText.Escape(
        string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));
}
