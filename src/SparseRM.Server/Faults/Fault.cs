using SparseRM.Errors;

namespace SparseRM.Server.Faults;

/// <summary>What sort of failure a wire tells its client of.</summary>
internal enum FaultKind
{
    /// <summary>The body is not JSON, or not of the wire's form.</summary>
    Malformed,
    /// <summary>A field has a value that cannot be used.</summary>
    Field,
    /// <summary>A list of inputs is empty where its owner refuses that.</summary>
    Empty,
    /// <summary>A text cannot be made into tokens.</summary>
    Text,
    /// <summary>An input has more tokens than the model takes.</summary>
    TooLong,
    /// <summary>There are more inputs than a request may have.</summary>
    TooMany,
    /// <summary>The body has more bytes than a request may have.</summary>
    TooLarge,
    /// <summary>The body is compressed.</summary>
    Encoding,
    /// <summary>No key, or another one.</summary>
    Unauthorized,
    /// <summary>A request for another host's name, where no key is asked for.</summary>
    Forbidden,
    /// <summary>No such route.</summary>
    NoRoute,
    /// <summary>A route, but not with this method.</summary>
    NoMethod,
    /// <summary>No reward model of that name.</summary>
    NoModel,
    /// <summary>No such result.</summary>
    NoResult,
    /// <summary>Too much waits already.</summary>
    Full,
    /// <summary>The allowed time is over.</summary>
    Deadline,
    /// <summary>The server is about to stop, or not ready yet.</summary>
    Unavailable,
    /// <summary>The model gave a state or score that is not finite.</summary>
    Numeric,
    /// <summary>A fault of the server or its machine.</summary>
    Internal,
}

/// <summary>A request, or one of its inputs, has no score; the message is one sentence.</summary>
internal sealed class Fault(FaultKind kind, string message, string? field = null, Exception? cause = null) : Exception(PlainText.Escape(message), cause)
{
    /// <summary>What sort of failure.</summary>
    public FaultKind Kind => kind;

    /// <summary>The field at fault, such as <c>input[3]</c>, or null.</summary>
    public string? Field { get; } = field is { Length: > 0 } ? field : null;

    /// <summary>Whether the message has no word of the request's, though others of its kind may.</summary>
    public bool IsPlain { get; init; }

    /// <summary>Whether the message may hold words of the request's body, which logs are to be without.</summary>
    public bool MayQuote => !IsPlain && Kind is FaultKind.Malformed or FaultKind.Field or FaultKind.Empty or FaultKind.Text or FaultKind.NoModel or FaultKind.NoResult;

    /// <summary>Whether the field's name is the client's own word, which logs are to be without.</summary>
    public bool IsFieldQuoted { get; init; }

    /// <summary>Whether it was counted, and logged where it is the server's own, as that of one input.</summary>
    public bool IsCounted { get; set; }

    /// <summary>Its name in answers and metrics.</summary>
    public string Word => Kind switch
    {
        FaultKind.TooLong => "too_long",
        FaultKind.TooMany => "too_many",
        FaultKind.TooLarge => "too_large",
        FaultKind.NoRoute => "no_route",
        FaultKind.NoMethod => "no_method",
        FaultKind.NoModel => "no_model",
        FaultKind.NoResult => "no_result",
        _ => Kind.ToString().ToLowerInvariant(),
    };

    /// <summary>Any exception as what a client is told. What is not the client's doing is told without its inside, which goes to the log.</summary>
    /// <param name="error">The exception.</param>
    /// <param name="field">The input at fault, where it is one.</param>
    public static Fault Of(Exception error, string? field = null) => error switch
    {
        Fault fault => fault,
        AggregateException { InnerExceptions: [var only] } => Of(only, field),
        Microsoft.AspNetCore.Http.BadHttpRequestException bad => MalformedBody.Of(bad),
        System.Text.Json.JsonException json => MalformedBody.Of(json),
        // The reader's word for a name that is compared with others.
        InvalidOperationException { Message: var message } when message.Contains("JSON text", StringComparison.Ordinal) =>
            new Fault(FaultKind.Malformed, "a field's name is not text: it holds half of a surrogate pair, or bytes that are not UTF-8", cause: error),
        SparseRMException { Kind: ErrorKind.Usage or ErrorKind.Data } => new Fault(FaultKind.Text, error.Message, field, error),
        _ => Of(SparseRMException.KindOf(error), error, field),
    };

    /// <summary>What a template or tokenizer made of one input, such as more work than a dialogue may cost: the client's doing, too.</summary>
    public static Fault OfEncoding(Exception error, string field) => error is ModelFormatException ? new Fault(FaultKind.Text, error.Message, field, error) : Of(error, field);

    private static Fault Of(ErrorKind kind, Exception error, string? field) => kind switch
    {
        ErrorKind.Full => new Fault(FaultKind.Full, error.Message, cause: error),
        ErrorKind.Deadline => new Fault(FaultKind.Deadline, error.Message, cause: error),
        ErrorKind.Closed => new Fault(FaultKind.Unavailable, "the server is about to stop; ask another one, or again later", cause: error),
        ErrorKind.Numeric => new Fault(FaultKind.Numeric, error.Message, field, error),
        ErrorKind.Device => new Fault(FaultKind.Internal, "the machine that computes the scores failed; see the server's log", field, error),
        _ => new Fault(FaultKind.Internal, "the server failed to score this; see its log", field, error),
    };
}
