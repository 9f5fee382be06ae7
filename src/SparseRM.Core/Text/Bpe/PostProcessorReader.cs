using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads the <c>post_processor</c> of a tokenizer.json: at most one token before a text and one after it.</summary>
internal sealed class PostProcessorReader
{
    private readonly string _path;
    private (string Text, int? Id)? _first, _last;
    private bool _isSaid;

    private PostProcessorReader(string path) => _path = path;

    /// <summary>What the field says; <paramref name="findId"/> gives the id of a token or -1.</summary>
    public static TextEnds Read(JsonElement root, Func<string, int> findId, string path)
    {
        if (!root.TryGet("post_processor", out var processor)) return new TextEnds(null, null, null, null);
        var reader = new PostProcessorReader(path);
        reader.Read(processor);
        foreach (var end in (ReadOnlySpan<(string Text, int? Id)?>)[reader._first, reader._last])
            if (end is { } token && findId(token.Text) is var id && (id < 0 || (token.Id ?? id) != id))
                throw new ModelFormatException(path, id < 0 ? $"post_processor puts '{token.Text}' around texts, which is not in the vocabulary"
                    : $"post_processor gives '{token.Text}' id {token.Id}, the vocabulary {id}");
        return new TextEnds(reader._first?.Text, reader._last?.Text, reader._first is not null, reader._last is not null);
    }

    private void Read(JsonElement processor)
    {
        string type = JsonMembers.TypeOf(processor, "post_processor", _path);
        switch (type)
        {
            case "Sequence":
                foreach (var part in processor.Parts("processors", _path)) Read(part);
                break;
            case "ByteLevel":
                break;
            case "TemplateProcessing":
                RequireOnce(type);
                ReadTemplate(processor);
                break;
            case "RobertaProcessing" or "BertProcessing":
                RequireOnce(type);
                (_first, _last) = (Pair(processor, "cls", type), Pair(processor, "sep", type));
                break;
            default:
                throw new ModelFormatException(_path, $"post_processor '{type}' is not supported");
        }
    }

    private void ReadTemplate(JsonElement processor)
    {
        bool isAfter = false;
        foreach (var part in processor.Parts("single", _path))
        {
            if (part.ValueKind == JsonValueKind.Object && part.Member("SpecialToken", JsonValueKind.Object, _path) is { } token)
            {
                ref var end = ref isAfter ? ref _last : ref _first;
                string name = token.Text("id", _path) ?? throw Unsupported(processor);
                if (end is not null)
                    throw new ModelFormatException(_path, $"post_processor puts '{end.Value.Text}' and '{name}' {(isAfter ? "after" : "before")} a text; one token is supported");
                end = Special(processor, name);
            }
            else if (!isAfter && part.ValueKind == JsonValueKind.Object && part.Member("Sequence", JsonValueKind.Object, _path) is not null) isAfter = true;
            else throw Unsupported(processor);
        }
        if (!isAfter) throw Unsupported(processor);
    }

    // The name of a special token stands for the ids that the template lists under it.
    private (string, int?) Special(JsonElement processor, string name)
    {
        if (processor.Member("special_tokens", JsonValueKind.Object, _path) is not { } list || list.Member(name, JsonValueKind.Object, _path) is not { } entry
            || entry.Member("ids", JsonValueKind.Array, _path) is not { } ids) return (name, null);
        return ids.GetArrayLength() == 1 ? (name, JsonMembers.Id(ids[0], name, _path))
            : throw new ModelFormatException(_path, $"post_processor writes {ids.GetArrayLength()} tokens for '{name}'; one is supported");
    }

    private (string, int?) Pair(JsonElement processor, string field, string type) =>
        processor.Member(field, JsonValueKind.Array, _path) is { } pair && pair.GetArrayLength() == 2 && pair[0].ValueKind == JsonValueKind.String
            ? (pair[0].GetString()!, JsonMembers.Id(pair[1], pair[0].GetString()!, _path))
            : throw new ModelFormatException(_path, $"post_processor '{type}' has no {field} of a token and its id");

    private void RequireOnce(string type)
    {
        if (_isSaid) throw new ModelFormatException(_path, $"post_processor has '{type}' after another that puts tokens around texts, which is not supported");
        _isSaid = true;
    }

    private ModelFormatException Unsupported(JsonElement processor) =>
        new(_path, $"post_processor 'TemplateProcessing' with these settings is not supported: {JsonMembers.Shown(processor)}");
}
