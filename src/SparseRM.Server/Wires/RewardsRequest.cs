using System.Text.Json;
using SparseRM.Models;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>A request of our own wire: inputs, each of one to many texts, and what is wanted of them.</summary>
/// <param name="Work">All texts of all inputs, one after the other.</param>
/// <param name="Counts">Texts of each input; null for an input of one text, which answers by itself instead of with <c>results</c>.</param>
/// <param name="Components">Whether the parts of the score are wanted.</param>
internal sealed record RewardsRequest(ScoreWork Work, IReadOnlyList<int?> Counts, bool Components)
{
    private static readonly string[] s_inputFields = ["prompt", "response", "responses", "messages", "text", "ids", "answer", "template_arguments"];
    private static readonly Dictionary<string, string[]> s_besides = new(StringComparer.Ordinal)
    {
        ["prompt"] = ["answer"], ["messages"] = ["response", "responses", "answer"],
        ["text"] = ["response", "responses", "answer", "template_arguments"], ["ids"] = ["response", "responses", "template_arguments"],
    };
    private static readonly string[] s_options =
        ["model", "inputs", "components", "per_token", "doubt", "novelty", "explain", "truncation", "max_tokens", "priority", "deadline_ms"];

    /// <summary>Reads a request. An input that cannot be read has its own error.</summary>
    /// <param name="request">The body.</param>
    /// <param name="limit">Texts that it may have.</param>
    /// <exception cref="Fault">The request as a whole cannot be read.</exception>
    public static RewardsRequest Read(JsonElement request, int limit)
    {
        bool isList = request.Has("inputs", out var inputs);
        if (inputs.ValueKind == JsonValueKind.Null) throw Fields.Not(inputs, "inputs", "a list");
        if (isList && s_inputFields.FirstOrDefault(name => request.Has(name)) is { } besides)
            throw new Fault(FaultKind.Field, $"inputs and {besides} are both given; give one input as fields of the request, or several in inputs", besides);
        request.Only("", isList ? s_options : [.. s_options, .. s_inputFields]);
        var items = new List<ScoreItem>();
        var counts = new List<int?>();
        if (!isList) counts.Add(ReadInput(request, "", items));
        else
            foreach (var input in inputs.List("inputs").EnumerateArray())
            {
                counts.Add(ReadInput(input, $"inputs[{counts.Count}]", items));
                // Lists within lists may have more than either may.
                if (items.Count > limit) throw new Fault(FaultKind.TooMany, $"the request has more than the {limit} inputs that this server takes; send them in parts");
            }
        return new RewardsRequest(Options(request, items), counts, request.Bool("components") ?? false);
    }

    private static ScoreWork Options(JsonElement request, List<ScoreItem> items) => new(items)
    {
        PerToken = PerTokenOf(request),
        Doubt = request.Bool("doubt") ?? false,
        Novelty = request.Bool("novelty") ?? false,
        Explain = ExplainOf(request),
        Truncation = request.Word("truncation", "left", "right") switch { "left" => Truncation.Left, "right" => Truncation.Right, _ => Truncation.Refuse },
        MaxTokens = request.Whole("max_tokens", 1),
        Priority = request.Word("priority", "interactive", "bulk") == "bulk" ? Priority.Bulk : Priority.Interactive,
        Deadline = request.Whole("deadline_ms", 1) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null,
    };

    private static PerToken PerTokenOf(JsonElement request)
    {
        if (!request.Has("per_token", out var value) || value.ValueKind == JsonValueKind.False) return PerToken.None;
        if (value.ValueKind == JsonValueKind.True) return PerToken.Token;
        return request.Word("per_token", "token", "sentence", "step") switch { "sentence" => PerToken.Sentence, "step" => PerToken.Step, _ => PerToken.Token };
    }

    private static (int, int)? ExplainOf(JsonElement request)
    {
        if (!request.Has("explain", out var value) || value.ValueKind == JsonValueKind.False) return null;
        if (value.ValueKind == JsonValueKind.True) return (8, 5);
        if (value.ValueKind != JsonValueKind.Object) throw Fields.Not(value, "explain", "true, false or an object");
        value.Only("explain", "directions", "tokens");
        return (value.Whole("directions", 1) ?? 8, value.Whole("tokens", 1) ?? 5);
    }

    /// <returns>The number of texts of an input with responses, null for any other.</returns>
    private static int? ReadInput(JsonElement input, string field, List<ScoreItem> items)
    {
        int first = items.Count;
        try
        {
            if (field.Length > 0) input.Object(field).Only(field, s_inputFields);
            return Read(input, field, items);
        }
        // Half of a group is no group.
        catch (Fault fault) when (field.Length > 0)
        {
            items.RemoveRange(first, items.Count - first);
            items.Add(new BadItem(field, fault));
            return null;
        }
    }

    private static int? Read(JsonElement input, string field, List<ScoreItem> items)
    {
        string At(string name) => field.Length == 0 ? name : $"{field}.{name}";
        string given = Given(input, field, "one of prompt, messages, text and ids", "prompt", "messages", "text", "ids");
        foreach (string name in s_besides[given])
            if (input.Has(name)) throw new Fault(FaultKind.Field, $"{At(name)} does not go with {given}, and would be passed over; leave one of them out", At(name));
        var arguments = input.Has("template_arguments", out var passed) ? passed.TemplateArguments(At("template_arguments")) : null;
        var value = input.GetProperty(given);
        switch (given)
        {
            case "messages":
                items.Add(new DialogueItem(At("messages"), value.Answered(At("messages")), arguments));
                return null;
            case "text":
                items.Add(new TextItem(At("text"), value.Text(At("text"))));
                return null;
            case "ids":
                items.Add(new IdsItem(At("ids"), value.Ids(At("ids")), Answer(input, At("answer"))));
                return null;
        }
        var prompt = value.Prompt(At("prompt"));
        if (Given(input, field, "either response or responses beside its prompt", "response", "responses") == "response")
        {
            items.Add(DialogueItem.Of(At("response"), prompt, input.GetProperty("response").Text(At("response")), arguments));
            return null;
        }
        int count = 0;
        foreach (var item in input.GetProperty("responses").List(At("responses")).EnumerateArray())
        {
            string name = $"{At("responses")}[{count++}]";
            items.Add(Response(item, name, prompt, arguments));
        }
        return count;
    }

    /// <summary>The one of several fields that an input has.</summary>
    private static string Given(JsonElement input, string field, string expected, params string[] names)
    {
        string[] given = [.. names.Where(name => input.Has(name))], nulls = [.. names.Where(name => input.TryGetProperty(name, out _)).Except(given)];
        if (given.Length == 1) return given[0];
        string found = given.Length > 0 ? $", but has {string.Join(" and ", given)}" : nulls.Length > 0 ? $", but {nulls[0]} is null" : "";
        throw new Fault(FaultKind.Field, $"{(field.Length == 0 ? "the request" : field)} needs {expected}{found}", field);
    }

    private static ScoreItem Response(JsonElement value, string field, List<Message> prompt, JsonFields? arguments)
    {
        try
        {
            return DialogueItem.Of(field, prompt, value.Text(field), arguments);
        }
        catch (Fault fault)
        {
            return new BadItem(field, fault);
        }
    }

    private static (int, int)? Answer(JsonElement input, string field)
    {
        if (!input.Has("answer", out var span)) return null;
        int[] bounds = span.Ids(field);
        return bounds.Length == 2 ? (bounds[0], bounds[1])
            : throw new Fault(FaultKind.Field, $"{field} has {bounds.Length} numbers, expected the answer's first index and one past its last", field);
    }
}
