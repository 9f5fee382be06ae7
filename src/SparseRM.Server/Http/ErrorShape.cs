using System.Text.Json;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Http;

/// <summary>How one owner's server tells of a failure, and with which status.</summary>
internal abstract class ErrorShape
{
    /// <summary>The HTTP status. 503 for a full queue: a 4xx ends a run of verl, and all of these clients try a 5xx again.</summary>
    public virtual int Status(Fault fault) => fault.Kind switch
    {
        FaultKind.Malformed or FaultKind.Field or FaultKind.Empty or FaultKind.Text or FaultKind.TooLong or FaultKind.TooMany => 400,
        FaultKind.TooLarge => 413,
        FaultKind.Encoding => 415,
        FaultKind.Unauthorized => 401,
        FaultKind.Forbidden => 403,
        FaultKind.NoRoute or FaultKind.NoModel or FaultKind.NoResult => 404,
        FaultKind.NoMethod => 405,
        FaultKind.Full or FaultKind.Unavailable => 503,
        FaultKind.Deadline => 504,
        _ => 500,
    };

    /// <summary>Writes the body.</summary>
    public abstract void Write(Utf8JsonWriter json, Fault fault, int status);
}

/// <summary>vLLM and OpenAI: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
internal sealed class OpenAiErrors : ErrorShape
{
    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", fault.Message);
        json.WriteString("type", TypeOf(status));
        json.WriteString("param", fault.Field);
        json.WriteNumber("code", status);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>vLLM's name of a status.</summary>
    public static string TypeOf(int status) => status switch
    {
        400 or 413 => "BadRequestError",
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        405 => "MethodNotAllowedError",
        415 => "UnsupportedMediaTypeError",
        503 => "ServiceUnavailableError",
        504 => "GatewayTimeoutError",
        _ => "InternalServerError",
    };
}

/// <summary>SGLang's own routes: <c>{"error": {"message"}}</c>.</summary>
internal sealed class SglangErrors : ErrorShape
{
    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", fault.Message);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}

/// <summary>SGLang's OpenAI routes: <c>{"object": "error", "message", "type", "param", "code"}</c>.</summary>
internal sealed class SglangOpenAiErrors : ErrorShape
{
    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WriteString("object", "error");
        json.WriteString("message", fault.Message);
        json.WriteString("type", OpenAiErrors.TypeOf(status));
        json.WriteString("param", fault.Field);
        json.WriteNumber("code", status);
        json.WriteEndObject();
    }
}

/// <summary>TEI: <c>{"error", "error_type"}</c> with statuses of its own.</summary>
internal sealed class TeiErrors : ErrorShape
{
    /// <inheritdoc/>
    public override int Status(Fault fault) => fault.Kind switch
    {
        FaultKind.Empty => 400,
        FaultKind.TooLong or FaultKind.TooMany or FaultKind.TooLarge => 413,
        FaultKind.Malformed or FaultKind.Field or FaultKind.Text => 422,
        FaultKind.Numeric or FaultKind.Internal => 424,
        FaultKind.Full => 429,
        _ => base.Status(fault),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WriteString("error", fault.Message);
        json.WriteString("error_type", fault.Kind switch
        {
            FaultKind.Empty => "Empty",
            FaultKind.Full => "Overloaded",
            FaultKind.Unavailable => "Unhealthy",
            FaultKind.Text => "Tokenizer",
            FaultKind.Numeric or FaultKind.Internal or FaultKind.Deadline => "Backend",
            _ => "Validation",
        });
        json.WriteEndObject();
    }
}

/// <summary>FastAPI's: <c>{"detail": …}</c>, a sentence, or for a field a list with its place.</summary>
internal sealed class FastApiErrors(bool lists) : ErrorShape
{
    /// <inheritdoc/>
    public override int Status(Fault fault) => lists && fault.Kind is FaultKind.Field or FaultKind.Empty or FaultKind.Text ? 422 : base.Status(fault);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        if (status != 422)
        {
            json.WriteString("detail", fault.Message);
        }
        else
        {
            json.WriteStartArray("detail");
            json.WriteStartObject();
            json.WriteStartArray("loc");
            json.WriteStringValue("body");
            if (fault.Field is { } field) json.WriteStringValue(field);
            json.WriteEndArray();
            json.WriteString("msg", fault.Message);
            json.WriteString("type", "value_error");
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}

/// <summary>ROLL's: an <c>errcode</c> that is neither done nor running, and no score.</summary>
internal sealed class RollErrors : ErrorShape
{
    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WriteNumber("errcode", 2);
        json.WriteString("message", fault.Message);
        json.WriteEndObject();
    }
}

/// <summary>Our own: <c>{"error": {"kind", "message", "field"}}</c>.</summary>
internal sealed class OwnErrors : ErrorShape
{
    /// <inheritdoc/>
    public override int Status(Fault fault) => fault.Kind switch
    {
        FaultKind.Field or FaultKind.Empty or FaultKind.Text => 422,
        FaultKind.TooLong or FaultKind.TooMany => 413,
        FaultKind.Full => 429,
        _ => base.Status(fault),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, Fault fault, int status)
    {
        json.WriteStartObject();
        json.WritePropertyName("error");
        WriteError(json, fault);
        json.WriteEndObject();
    }

    /// <summary>The error of a request or of one input.</summary>
    public static void WriteError(Utf8JsonWriter json, Fault fault)
    {
        json.WriteStartObject();
        json.WriteString("kind", fault.Word);
        json.WriteString("message", fault.Message);
        json.WriteString("field", fault.Field);
        json.WriteEndObject();
    }
}

/// <summary>One of each.</summary>
internal static class ErrorShapes
{
    public static readonly ErrorShape OpenAi = new OpenAiErrors(), Sglang = new SglangErrors(), SglangOpenAi = new SglangOpenAiErrors(), Tei = new TeiErrors(),
        OpenRlhf = new FastApiErrors(lists: false), Slime = new FastApiErrors(lists: false), NemoGym = new FastApiErrors(lists: true), Roll = new RollErrors(), Own = new OwnErrors();
}
