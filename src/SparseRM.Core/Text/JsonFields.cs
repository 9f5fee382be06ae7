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

    /// <inheritdoc/>
    public bool Equals(JsonFields? other) => other is not null && JsonElement.DeepEquals(Value, other.Value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as JsonFields);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetPropertyCount();
}
