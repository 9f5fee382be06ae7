using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Text;
using SparseRM.Weights;
using Spectre.Console;

namespace SparseRM.Cli.Terminal;

/// <summary>What a command talks to: data on standard output, messages on standard error, interruption.</summary>
internal sealed class Session : IDisposable
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly CancellationTokenSource _cancel = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly StandardOutput _output = new();
    private volatile bool _isReading;

    private Session()
    {
        Out = new StreamWriter(_output, s_utf8, 1 << 14) { NewLine = "\n" };
        Messages = new StreamWriter(Console.OpenStandardError(), s_utf8, 1 << 10) { AutoFlush = true, NewLine = "\n" };
        Tables = TerminalConsole.Of(Out, !Console.IsOutputRedirected);
        Bars = TerminalConsole.Of(Messages, !Console.IsErrorRedirected);
    }

    /// <summary>Data for people or programs. Buffered.</summary>
    public TextWriter Out { get; }

    /// <summary>Warnings and errors.</summary>
    public TextWriter Messages { get; }

    /// <summary>Standard output for tables: colours only on a terminal.</summary>
    public IAnsiConsole Tables { get; }

    /// <summary>Columns of running text on standard output: a terminal's, 100 at most, since longer lines are hard to read.</summary>
    public int TextWidth => Math.Min(Tables.Profile.Width, 100);

    /// <summary>Standard error for progress bars.</summary>
    public IAnsiConsole Bars { get; }

    /// <summary>Cancelled by the first Ctrl-C or SIGTERM; the second one ends the process at once.</summary>
    public CancellationToken Cancel => _cancel.Token;

    /// <summary>Whether stack traces are shown.</summary>
    public bool Debug { get; set; }

    /// <summary>Whether errors are JSON, too.</summary>
    public bool IsJson { get; set; }

    /// <summary>What an interruption leaves, as the end of the sentence that tells of it.</summary>
    public string AfterInterrupt { get; set; } = "nothing was written";

    public static Session Start()
    {
        var session = new Session();
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM])
            session._signals.Add(PosixSignalRegistration.Create(signal, session.OnSignal));
        return session;
    }

    /// <summary>A line for people, beside the data.</summary>
    public void Say(string message)
    {
        // On a terminal both streams meet, and people read in order.
        Out.Flush();
        Messages.WriteLine(message);
    }

    /// <summary>Which backend <c>auto</c> took, for people alone: a pipe holds what is asked for and what is wrong.</summary>
    /// <param name="args">Silent where it names a backend.</param>
    /// <param name="description">The backend's.</param>
    public void SayBackend(ParseResult args, string description)
    {
        // Through the console of the bars, which makes room above them.
        if (!Console.IsErrorRedirected && args.GetValue(CommonOptions.Backend) is null or "auto")
            Bars.WriteLine($"backend: {description} ({BackendCatalog.AutoReason}; others run where --backend names them)");
    }

    /// <summary>Something good to know of an input.</summary>
    public void Note(string message) => Messages.WriteLine($"note: {message}");

    /// <summary>What is not as it should be, though the run goes on.</summary>
    public void Warn(string message) => Messages.WriteLine($"warning: {message}");

    /// <summary>Reads input; a signal ends the process at once meanwhile, since a read that waits for a pipe sees no token.</summary>
    public T Reading<T>(Func<T> read)
    {
        _isReading = true;
        try
        {
            return read();
        }
        finally
        {
            _isReading = false;
        }
    }

    /// <summary>What a model says of the texts that it was given, once each.</summary>
    /// <param name="backbone">Encoded them.</param>
    /// <param name="hasTexts">Whether there were texts without an EOS.</param>
    public void TellOfText(Backbone backbone, bool hasTexts) => TellOfText(hasTexts ? backbone.Tokenizer : null, backbone.Template);

    /// <summary>As above, of a tokenizer that read texts without an EOS (or null) and a template (or null).</summary>
    public void TellOfText(ModelTokenizer? tokenizer, ChatTemplate? template)
    {
        if (tokenizer?.Note is { } note) Note(Wording.OfCommandLine(note));
        if (template is null) return;
        if (template.UnreadFields.Count > 0)
            Note($"fields of messages that the chat template never reads, so that they change no score: {string.Join(", ", template.UnreadFields)}");
        if (template.UnreadArguments.Count > 0)
            Note($"arguments that the chat template never reads, so that they change no score: {string.Join(", ", template.UnreadArguments)}");
    }

    /// <summary>What a model says of the preference data that it was given.</summary>
    /// <param name="backbone">Encoded them.</param>
    /// <param name="data">The data.</param>
    /// <param name="cut">Answers that were cut.</param>
    public void TellOfData(Backbone backbone, PreferenceSet data, long cut)
    {
        if (cut > 0) Warn($"answers of {data.Path} that were cut to the model's context of {backbone.Config.NCtx} tokens: {cut}");
        TellOfText(backbone, hasTexts: false);
    }

    /// <summary>One JSON object as a line on standard error.</summary>
    public void WriteMessage(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        Messages.WriteLine(s_utf8.GetString(stream.ToArray()));
    }

    /// <summary>Standard output for data that is written as it comes; what was buffered before goes first.</summary>
    public Stream OpenOutput()
    {
        Out.Flush();
        return _output;
    }

    /// <summary>Writes a file that is made by its name, or its content to standard output where the name is "-".</summary>
    /// <param name="path">What <c>--output</c> says.</param>
    /// <param name="write">Writes the file under the name that it is given.</param>
    public void WriteFile(string path, Action<string> write)
    {
        if (path != "-")
        {
            OutputFile.Write(path, () => write(path));
            return;
        }
        string copy = Path.Combine(Path.GetTempPath(), $"sparserm-{Guid.NewGuid():N}.tmp");
        try
        {
            OutputFile.Write(copy, () => write(copy));
            using var file = File.OpenRead(copy);
            file.CopyTo(OpenOutput());
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>One JSON object on standard output, snake_case by the caller.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write) => WriteData(null, stream =>
    {
        using (var json = new Utf8JsonWriter(stream,
            new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    });

    /// <summary>Data to a file, whole or not at all, or as it comes to standard output where <paramref name="path"/> is null or "-".</summary>
    public void WriteData(string? path, Action<Stream> write)
    {
        if (path is not (null or "-"))
        {
            OutputFile.Write(path, () => AtomicFile.Write(path, write));
            return;
        }
        Out.Flush();
        using var buffered = new BufferedStream(_output, 1 << 14);
        write(buffered);
        buffered.Flush();
    }

    public void Dispose()
    {
        foreach (var signal in _signals) signal.Dispose();
        _cancel.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !_isReading && !_cancel.IsCancellationRequested;
        _cancel.Cancel();
    }
}
