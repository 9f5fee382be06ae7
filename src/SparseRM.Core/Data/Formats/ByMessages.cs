using System.Text.Json;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Equality of answers and prompts, with a hash that also sees the fields: many answers may differ in a tool call only.</summary>
internal sealed class ByMessages : IEqualityComparer<IReadOnlyList<Message>>
{
    public static ByMessages Instance { get; } = new();

    public bool Equals(IReadOnlyList<Message>? x, IReadOnlyList<Message>? y) => x!.SequenceEqual(y!);

    public int GetHashCode(IReadOnlyList<Message> messages)
    {
        var hash = new HashCode();
        foreach (Message message in messages)
        {
            hash.Add(message.Role);
            hash.Add(message.Content);
            hash.Add(Hash(message.Fields));
        }
        return hash.ToHashCode();
    }

    public static int Hash(JsonFields? fields) => fields is null ? 0 : Hash(fields.Value);

    // Agrees with JsonElement.DeepEquals: the order of an object's members does not count, nor how a number is written.
    private static int Hash(JsonElement value)
    {
        int sum = (int)value.ValueKind;
        if (value.ValueKind == JsonValueKind.String) return value.GetString()!.GetHashCode(StringComparison.Ordinal);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)) return number.GetHashCode();
        if (value.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty field in value.EnumerateObject())
                sum += HashCode.Combine(field.Name.GetHashCode(StringComparison.Ordinal), Hash(field.Value));
        if (value.ValueKind == JsonValueKind.Array)
            foreach (JsonElement item in value.EnumerateArray()) sum = HashCode.Combine(sum, Hash(item));
        return sum;
    }
}
