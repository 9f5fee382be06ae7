using System.Security.Cryptography;
using System.Text.Json;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Tells sets that were made in memory apart, as the hash of its bytes does for a file.</summary>
internal static class ItemHash
{
    /// <summary>SHA-256 of the items as JSON, in lower-case hex.</summary>
    public static string Of(IEnumerable<PreferenceItem> items)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (PreferenceItem item in items)
        {
            using var bytes = new MemoryStream();
            using (var json = new Utf8JsonWriter(bytes)) Write(json, item);
            hash.AppendData(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Write(Utf8JsonWriter json, PreferenceItem item)
    {
        json.WriteStartArray();
        Write(json, item.Prompt);
        foreach (IReadOnlyList<IReadOnlyList<Message>> side in (IReadOnlyList<IReadOnlyList<Message>>[])[item.Chosen, item.Rejected])
        {
            json.WriteStartArray();
            foreach (IReadOnlyList<Message> answer in side) Write(json, answer);
            json.WriteEndArray();
        }
        json.WriteStringValue(item.Subset);
        json.WriteStringValue(item.Id);
        Write(json, item.Arguments);
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<Message> messages)
    {
        json.WriteStartArray();
        foreach (Message message in messages)
        {
            json.WriteStringValue(message.Role);
            json.WriteStringValue(message.Content);
            Write(json, message.Fields);
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, JsonFields? fields)
    {
        if (fields is null) json.WriteNullValue();
        else fields.Value.WriteTo(json);
    }
}
