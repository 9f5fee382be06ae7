using System.Text.Json;

namespace SparseRM.Text;

/// <summary>A JSON object that is passed on as it is: a message's other fields, or the arguments of a chat template. Equal by value; immutable.</summary>
public sealed class JsonFields : IEquatable<JsonFields>
{
    /// <summary>Takes a copy.</summary>
    /// <param name="value">A JSON object.</param>
    /// <exception cref="ArgumentException">Not an object.</exception>
    public JsonFields(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw new ArgumentException($"expected a JSON object, found {value.ValueKind}", nameof(value));
        Value = value.Clone();
    }

    /// <summary>The object.</summary>
    public JsonElement Value { get; }

    /// <summary>
    /// Whether a message with these fields may have no content, since one of them is said in its place, as <c>tool_calls</c> are: a text, list or object that
    /// is not empty. A speaker's name, a number or a truth says nothing: a template would write None for the content that is not there.
    /// </summary>
    public bool StandForContent => Value.EnumerateObject().Any(member => !member.NameEquals("role") && !member.NameEquals("content") && !member.NameEquals("name")
        && member.Value.ValueKind switch
        {
            JsonValueKind.String => !member.Value.ValueEquals(""),
            JsonValueKind.Array => member.Value.GetArrayLength() > 0,
            JsonValueKind.Object => member.Value.GetPropertyCount() > 0,
            _ => false,
        });

    /// <inheritdoc/>
    public bool Equals(JsonFields? other) => other is not null && JsonElement.DeepEquals(Value, other.Value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as JsonFields);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetPropertyCount();
}
