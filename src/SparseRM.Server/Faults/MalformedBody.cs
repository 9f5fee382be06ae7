using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace SparseRM.Server.Faults;

/// <summary>Says of a body that is no JSON where it fails, what was found and what was expected.</summary>
/// <remarks>The runtime tells kinds of failure apart by its messages alone; none of its words reaches a client, and what is not known here is told by its place.</remarks>
internal static partial class MalformedBody
{
    // A part of the runtime's message, and what was expected.
    private static readonly (string Part, string Expected)[] s_expected =
    [
        ("invalid start of a value", "a value"), ("invalid start of a property name", "a field's name in double quotes"), ("invalid after a property name", "a colon"),
        ("invalid after a value", "a comma or the end of the list or object"), ("invalid after a single JSON value", "nothing after the object"),
        ("trailing comma", "a value after the comma"), ("invalid within a JSON string", "text without control characters, these being escaped"), ("invalid JSON literal", "true, false or null"),
        ("within a number", "a number"), ("end of a number", "a number"), ("leading zero", "a number"), ("escapable character", "an escape such as \\n or \\u0041"), ("hex digit", "four hexadecimal digits after \\u"),
        ("end of string", "the double quote that ends a text"), ("UTF-8", "text in UTF-8"),
    ];

    /// <summary>The refusal of a body that is not JSON, or not such as this server reads.</summary>
    public static Fault Of(JsonException error)
    {
        string message = error.Message;
        if (message.Contains("any JSON tokens", StringComparison.Ordinal)) return Refused("the body is empty, expected a JSON object");
        if (message.StartsWith("Duplicate propert", StringComparison.Ordinal))
            return Refused($"field{(Quoted().Match(message) is { Success: true } name ? $" '{name.Groups[1].Value}'" : "")} appears twice in one object; give it once");
        if (message.Contains("maximum configured depth", StringComparison.Ordinal))
            return Refused($"the body is nested deeper than {Digits().Match(message).Value} levels{Place(error)}; nest it less");
        if (message.Contains("reached end of data", StringComparison.Ordinal) || message.Contains("Expected depth to be zero", StringComparison.Ordinal))
            return Refused("the body is not valid JSON: it ends before what it began is closed; send all of it");
        string? expected = s_expected.FirstOrDefault(kind => message.Contains(kind.Part, StringComparison.OrdinalIgnoreCase)).Expected;
        string found = Quoted().Match(message) is { Success: true, Index: 0 } quoted ? $" found '{quoted.Groups[1].Value}'," : "";
        return Refused($"the body is not valid JSON{Place(error)}:{found} expected {expected ?? "JSON"}");
    }

    /// <summary>The refusal of a body that does not come as HTTP has it.</summary>
    public static Fault Of(BadHttpRequestException error) => error.StatusCode switch
    {
        408 => Refused("the body comes too slowly; send at least 240 bytes a second"),
        _ => Broken(error),
    };

    /// <summary>The refusal of a body whose length or chunks are not what they are said to be.</summary>
    public static Fault Broken(IOException error) => new(FaultKind.Malformed, "the body does not come as its headers say (Content-Length, or chunks that end); send all of it", cause: error) { IsPlain = true };

    private static Fault Refused(string message) => new(FaultKind.Malformed, message);

    private static string Place(JsonException error) => error is { LineNumber: { } line, BytePositionInLine: { } at }
        ? string.Create(CultureInfo.InvariantCulture, $" at line {line + 1}, byte {at + 1}") : "";

    [GeneratedRegex("'(.+?)'(?= |;|\\.|$)")]
    private static partial Regex Quoted();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
