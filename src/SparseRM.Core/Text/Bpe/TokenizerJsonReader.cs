using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads tokenizer.json (Hugging Face tokenizers): BPE, byte-level or with SentencePiece's blanks. What it does not know it
/// refuses by name.</summary>
internal sealed class TokenizerJsonReader
{
    private const string Blank = "\u2581";
    private readonly string _path;
    private bool _composes, _escapes, _byteLevel, _splitsAtSpaces;
    private DummyPrefix _prefix;
    private PreTokenizerPattern? _pattern;
    private bool? _addsBos;
    private string? _bos;

    private TokenizerJsonReader(string path) => _path = path;

    /// <summary>Reads and checks the file.</summary>
    public static TokenizerParts Read(string path)
    {
        using var document = JsonFile.Open(path);
        return new TokenizerJsonReader(path).Read(document.RootElement);
    }

    private TokenizerParts Read(JsonElement root)
    {
        if (root.TryGet("normalizer", out var normalizer)) ReadNormalizer(normalizer);
        if (root.TryGet("pre_tokenizer", out var preTokenizer)) ReadPreTokenizer(preTokenizer);
        if (root.TryGet("post_processor", out var postProcessor)) ReadPostProcessor(postProcessor);
        var added = ReadAddedTokens(root);
        var model = root.Member("model", JsonValueKind.Object, _path) ?? throw new ModelFormatException(_path, "has no 'model'");
        var reader = new BpeModelReader(_path, model, added);
        if (_byteLevel)
        {
            if (_escapes || _prefix != DummyPrefix.None)
                throw new ModelFormatException(_path,
                "mixes a ByteLevel pre_tokenizer with SentencePiece's blanks, which is not supported");
            return new TokenizerParts(reader.ByteLevel(_pattern ?? PreTokenizerPattern.Gpt2, _composes), added, _addsBos,
                new SpecialTokenNames(_bos));
        }
        if (_composes) throw new ModelFormatException(_path, "normalizer 'NFC' without a ByteLevel pre_tokenizer is not supported");
        if (_splitsAtSpaces && !_escapes)
            throw new ModelFormatException(_path,
            "pre_tokenizer 'Split' at spaces without a normalizer that replaces them is not supported");
        // A prefix before every segment makes each added token a border of segments; without one, plain added tokens are pieces within a segment.
        var userDefined = _prefix == DummyPrefix.Always ? []
            : added.Where(token => !token.Special && !token.LeftStrip && !token.RightStrip).ToList();
        var pieces = userDefined.ConvertAll(token =>
            _escapes ? token with { Content = token.Content.Replace(" ", Blank, StringComparison.Ordinal) } : token);
        var encoder = reader.SentencePiece(pieces, _escapes, _prefix);
        return new TokenizerParts(encoder, added.Except(userDefined).ToList(), _addsBos, new SpecialTokenNames(_bos));
    }

    private void ReadNormalizer(JsonElement normalizer)
    {
        switch (Type(normalizer, "normalizer"))
        {
            case "Sequence":
                foreach (var part in Parts(normalizer, "normalizers")) ReadNormalizer(part);
                break;
            case "NFC":
                _composes = true;
                break;
            case "Prepend" when normalizer.Text("prepend", _path) == Blank:
                _prefix = DummyPrefix.Always;
                break;
            case "Replace" when Pattern(normalizer, "String") == " " && normalizer.Text("content", _path) == Blank:
                _escapes = true;
                break;
            case var type:
                throw new ModelFormatException(_path, $"normalizer '{type}' with these settings is not supported: {Short(normalizer)}");
        }
    }

    private void ReadPreTokenizer(JsonElement preTokenizer)
    {
        string type = Type(preTokenizer, "pre_tokenizer");
        switch (type)
        {
            case "Sequence":
                foreach (var part in Parts(preTokenizer, "pretokenizers")) ReadPreTokenizer(part);
                return;
            case "ByteLevel":
                if (preTokenizer.Flag("add_prefix_space", _path) ?? false) break;
                if (preTokenizer.Flag("use_regex", _path) ?? true)
                {
                    if (_pattern is not null) break;
                    _pattern = PreTokenizerPattern.Gpt2;
                }
                else if (_pattern is null)
                    throw new ModelFormatException(_path, "pre_tokenizer 'ByteLevel' with use_regex false needs a 'Split' before it");
                _byteLevel = true;
                return;
            case "Split" when Pattern(preTokenizer, "Regex") is { } regex:
                if (!RunePreTokenizer.Known.TryGetValue(regex, out var pattern))
                    throw new ModelFormatException(_path,
                        $"pre_tokenizer 'Split' has a regex that is not known (GPT-2's, Llama-3's and Qwen2's are): {regex}");
                if (_pattern is not null || preTokenizer.Text("behavior", _path) is not "Isolated"
                    || (preTokenizer.Flag("invert", _path) ?? false)) break;
                _pattern = pattern;
                return;
            case "Split" when Pattern(preTokenizer, "String") == " ":
                _splitsAtSpaces = true;
                return;
            case "Metaspace" when preTokenizer.Text("replacement", _path) is null or Blank && preTokenizer.Flag("split", _path) is false:
                _escapes = true;
                _prefix = preTokenizer.Text("prepend_scheme", _path) switch
                {
                    "first" => DummyPrefix.First,
                    "never" => DummyPrefix.None,
                    var scheme => throw new ModelFormatException(_path,
                        $"pre_tokenizer 'Metaspace' with prepend_scheme '{scheme}' is not supported (first and never are)"),
                };
                return;
        }
        throw new ModelFormatException(_path, $"pre_tokenizer '{type}' with these settings is not supported: {Short(preTokenizer)}");
    }

    private void ReadPostProcessor(JsonElement processor)
    {
        _addsBos ??= false;
        string type = Type(processor, "post_processor");
        switch (type)
        {
            case "Sequence":
                foreach (var part in Parts(processor, "processors")) ReadPostProcessor(part);
                break;
            case "ByteLevel":
                break;
            case "TemplateProcessing":
                var first = Parts(processor, "single").FirstOrDefault();
                if (first.ValueKind != JsonValueKind.Object
                    || first.Member("SpecialToken", JsonValueKind.Object, _path) is not { } token) break;
                _bos = token.Text("id", _path);
                _addsBos = true;
                break;
            default:
                throw new ModelFormatException(_path, $"post_processor '{type}' is not supported");
        }
    }

    private List<AddedToken> ReadAddedTokens(JsonElement root)
    {
        var added = new List<AddedToken>();
        if (root.Member("added_tokens", JsonValueKind.Array, _path) is not { } tokens) return added;
        foreach (var token in tokens.EnumerateArray())
        {
            if (token.ValueKind != JsonValueKind.Object || token.Text("content", _path) is not { Length: > 0 } content)
                throw new ModelFormatException(_path, $"added_tokens holds an entry without content: {Short(token)}");
            if (!token.TryGet("id", out var id)) throw new ModelFormatException(_path, $"added token '{content}' has no id");
            added.Add(AddedTokens.Read(token, JsonFile.Id(id, content, _path), content, _path));
        }
        return added;
    }

    private string? Pattern(JsonElement element, string kind) =>
        element.Member("pattern", JsonValueKind.Object, _path) is { } pattern ? pattern.Text(kind, _path) : null;

    private IEnumerable<JsonElement> Parts(JsonElement element, string name) =>
        (element.Member(name, JsonValueKind.Array, _path) ?? throw new ModelFormatException(_path,
            $"'{name}' is missing in {Short(element)}")).EnumerateArray();

    private string Type(JsonElement element, string field)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new ModelFormatException(_path, $"{field} is not an object: {Short(element)}");
        return element.Text("type", _path) ?? throw new ModelFormatException(_path, $"{field} has no type");
    }

    private static string Short(JsonElement element)
    {
        string raw = element.GetRawText().ReplaceLineEndings(" ");
        return raw.Length <= 200 ? raw : raw[..200] + "...";
    }
}
