using System.Text.Json;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Http;

/// <summary>Reads fields of a JSON body; every refusal names the field, what was expected and what was found.</summary>
internal static class Fields
{
    /// <summary>A member that is there and not null.</summary>
    public static bool Has(this JsonElement owner, string name, out JsonElement value) =>
        owner.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether a member is there and not null.</summary>
    public static bool Has(this JsonElement owner, string name) => owner.Has(name, out _);

    /// <summary>A member that must be there.</summary>
    /// <param name="owner">The object.</param>
    /// <param name="name">The member's name.</param>
    /// <param name="within">Where the object is; null for the request itself.</param>
    public static JsonElement Need(this JsonElement owner, string name, string? within = null)
    {
        if (owner.Has(name, out var value)) return value;
        string field = within is null ? name : $"{within}.{name}";
        throw new Fault(FaultKind.Field, owner.TryGetProperty(name, out _) ? $"{field} is null, expected a value" : $"{field} is missing", field) { IsPlain = true };
    }

    /// <summary>A string. JSON may spell half of a surrogate pair, which is no text.</summary>
    public static string Text(this JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.String) throw Not(value, field, "a string");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new Fault(FaultKind.Text, $"{field} is not text: it holds half of a surrogate pair, or bytes that are not UTF-8", field);
        }
    }

    /// <summary>A string, or null where the member is absent.</summary>
    public static string? TextOrNull(this JsonElement owner, string name) => owner.Has(name, out var value) ? value.Text(name) : null;

    /// <summary>A boolean, or null where the member is absent.</summary>
    public static bool? Bool(this JsonElement owner, string name) => !owner.Has(name, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Not(value, name, "true or false"),
    };

    /// <summary>A whole number, or null where the member is absent.</summary>
    public static int? Whole(this JsonElement owner, string name, int least = int.MinValue)
    {
        if (!owner.Has(name, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least) return number;
        throw Not(value, name, $"a whole number from {least} to {int.MaxValue}");
    }

    /// <summary>One of a few words, or null where the member is absent.</summary>
    public static string? Word(this JsonElement owner, string name, params ReadOnlySpan<string> words)
    {
        if (owner.TextOrNull(name) is not { } word) return null;
        foreach (string known in words)
            if (known == word) return word;
        throw new Fault(FaultKind.Field, $"{name} is '{word}', expected one of {string.Join(", ", words)}", name);
    }

    /// <summary>An array.</summary>
    /// <param name="value">The value.</param>
    /// <param name="field">What errors call it.</param>
    /// <param name="expected">What errors say was expected, where a list is one of several forms.</param>
    public static JsonElement List(this JsonElement value, string field, string expected = "a list") => value.ValueKind == JsonValueKind.Array ? value : throw Not(value, field, expected);

    /// <summary>An object.</summary>
    public static JsonElement Object(this JsonElement value, string field) => value.ValueKind == JsonValueKind.Object ? value : throw Not(value, field, "an object");

    /// <summary>Token ids.</summary>
    public static int[] Ids(this JsonElement value, string field)
    {
        var ids = new int[value.List(field).GetArrayLength()];
        int next = 0;
        foreach (var id in value.EnumerateArray())
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out ids[next])) throw Not(id, $"{field}[{next}]", "a token id");
            next++;
        }
        return ids;
    }

    /// <summary>Refuses members that a form does not have: a typo must not be read as a default.</summary>
    public static void Only(this JsonElement owner, string field, params ReadOnlySpan<string> names)
    {
        foreach (var member in owner.EnumerateObject())
        {
            bool known = false;
            foreach (string name in names) known |= member.NameEquals(name);
            if (known) continue;
            string problem = $"{(field.Length == 0 ? "the request" : field)} has an unknown field '{member.Name}'; known are {string.Join(", ", names)}";
            throw new Fault(FaultKind.Field, problem, field.Length == 0 ? member.Name : $"{field}.{member.Name}") { IsFieldQuoted = true };
        }
    }

    /// <summary>Refuses members that say something which cannot be obeyed and would change a score; an empty list or object says nothing.</summary>
    /// <param name="owner">The object.</param>
    /// <param name="field">What errors call it; empty for the request.</param>
    /// <param name="why">What to do instead.</param>
    /// <param name="names">The members.</param>
    public static void Refuse(this JsonElement owner, string field, string why, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (!owner.Has(name, out var value) || value.ValueKind switch
            {
                JsonValueKind.Array => value.GetArrayLength() == 0,
                JsonValueKind.Object => value.GetPropertyCount() == 0,
                _ => false,
            }) continue;
            string at = field.Length == 0 ? name : $"{field}.{name}";
            throw new Fault(FaultKind.Field, $"{at} cannot be obeyed: {why}", at);
        }
    }

    /// <summary>Refuses pictures and sounds: a text that they belong to is not what its owner means without them.</summary>
    public static void RefuseMedia(this JsonElement owner, string field) => owner.Refuse(field, "only text is scored; leave it out", "image", "images", "image_url", "image_data",
        "audio", "audios", "audio_url", "audio_data", "input_audio", "video", "videos", "video_url", "video_data", "multi_modal_data", "file");

    /// <summary>Refuses a request that names several things where one is meant.</summary>
    public static void OneOf(this JsonElement owner, params ReadOnlySpan<string> names)
    {
        string? first = null;
        foreach (string name in names)
        {
            if (!owner.Has(name)) continue;
            if (first is not null) throw new Fault(FaultKind.Field, $"{first} and {name} are both given, and only one of them can be scored; give one", name);
            first = name;
        }
    }

    /// <summary>The refusal of a value of another kind.</summary>
    public static Fault Not(JsonElement value, string field, string expected) => new(FaultKind.Field, $"{field} is {Shown(value)}, expected {expected}", field) { IsPlain = true };

    /// <summary>A value as refusals show it.</summary>
    public static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => value.GetRawText() is { Length: <= 32 } text ? text : "a number",
        _ => "null",
    };
}
