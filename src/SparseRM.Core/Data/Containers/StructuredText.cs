using System.Text;
using System.Text.Json;

namespace SparseRM.Data.Containers;

/// <summary>Lists and objects that lie in a text: as JSON, or as Python prints them.</summary>
internal static class StructuredText
{
    /// <summary>The value in a JSON string, where the whole text is one list or object; else null.</summary>
    public static JsonElement? Parse(JsonElement text)
    {
        string? inner;
        try
        {
            inner = text.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
        return inner is null ? null : Parse(inner);
    }

    /// <summary>The value, where the whole text is one list or object; else null.</summary>
    public static JsonElement? Parse(string text)
    {
        ReadOnlySpan<char> trimmed = text.AsSpan().Trim();
        if (trimmed.Length < 2 || trimmed[0] is not ('[' or '{') || trimmed[^1] is not (']' or '}')) return null;
        var utf8 = new byte[Encoding.UTF8.GetMaxByteCount(trimmed.Length)];
        int length = Encoding.UTF8.GetBytes(trimmed, utf8);
        return JsonLines.Parse(utf8.AsSpan(0, length), out _) ?? PythonLiteral.Parse(trimmed);
    }
}
