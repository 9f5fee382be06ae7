using System.Globalization;
using System.Numerics;
using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>Turns JSON that came with a dialogue into values as transformers passes them: integers and floats, None, lists and mappings;
/// every string is content.</summary>
internal sealed class JinjaInput
{
    private const int MostDigits = 4300, DeepestNesting = 64;

    /// <summary>Characters of all strings so far.</summary>
    public long Characters { get; private set; }

    /// <summary>JSON values so far.</summary>
    public long Values { get; private set; }

    /// <summary>Text of a message, counted.</summary>
    public TracedText Text(string text, int source)
    {
        Characters += text.Length;
        Values++;
        return TracedText.Of(text, source);
    }

    /// <summary>The members of an object.</summary>
    /// <param name="json">An object.</param>
    /// <param name="source">Where its characters come from.</param>
    /// <param name="owner">What a refusal names, such as <c>message 3</c>.</param>
    public List<(string Name, object? Value)> Members(JsonElement json, int source, string owner)
    {
        var members = new List<(string, object?)>();
        string field = "a name";
        try
        {
            foreach (var member in json.EnumerateObject())
            {
                field = "a name";
                string name = member.Name;
                field = $"'{JinjaEvaluator.Shown(name)}'";
                Characters += name.Length;
                members.Add((name, Convert(member.Value, source, 0)));
            }
        }
        catch (InvalidOperationException error)
        {
            throw new SparseRMException($"{owner}, {field}: a string holds half of a surrogate pair or bytes that are not UTF-8, which no tokenizer can encode; mend the text", error);
        }
        catch (JinjaException error)
        {
            throw new SparseRMException($"{owner}, {field}: {error.Message}", error);
        }
        return members;
    }

    private object? Convert(JsonElement json, int source, int depth)
    {
        if (depth > DeepestNesting) throw new JinjaException($"is nested deeper than {DeepestNesting} levels");
        Values++;
        switch (json.ValueKind)
        {
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            case JsonValueKind.Number:
                return Number(json.GetRawText());
            case JsonValueKind.String:
                return Text(json.GetString()!, source);
            case JsonValueKind.Array:
                return new JinjaList([.. json.EnumerateArray().Select(item => Convert(item, source, depth + 1))], source);
            default:
                var dict = new JinjaDict(source);
                foreach (var member in json.EnumerateObject()) dict.Set(Text(member.Name, source), Convert(member.Value, source, depth + 1));
                return dict;
        }
    }

    private static object Number(string digits)
    {
        if (digits.AsSpan().ContainsAny(".eE")) return double.Parse(digits, CultureInfo.InvariantCulture);
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)) return number;
        return digits.Length <= MostDigits ? BigInteger.Parse(digits, CultureInfo.InvariantCulture)
            : throw new JinjaException($"an integer has more than {MostDigits:N0} digits");
    }
}
