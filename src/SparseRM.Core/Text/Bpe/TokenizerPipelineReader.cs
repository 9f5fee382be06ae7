using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads <c>normalizer</c> and <c>pre_tokenizer</c> of a tokenizer.json; what it does not know it refuses by name.</summary>
internal sealed class TokenizerPipelineReader
{
    /// <summary>GPT-2's expression.</summary>
    public const string Gpt2Regex = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const int MaxSteps = 64;
    private readonly string _path;
    private readonly TokenizerPipeline _pipeline = new();

    private TokenizerPipelineReader(string path) => _path = path;

    /// <summary>Reads both fields.</summary>
    public static TokenizerPipeline Read(JsonElement root, string path)
    {
        var reader = new TokenizerPipelineReader(path);
        if (root.TryGet("normalizer", out var normalizer)) reader.ReadNormalizer(normalizer);
        if (root.TryGet("pre_tokenizer", out var preTokenizer)) reader.ReadPreTokenizer(preTokenizer);
        return reader._pipeline;
    }

    private void ReadNormalizer(JsonElement normalizer)
    {
        CountStep("normalizer");
        switch (JsonMembers.TypeOf(normalizer, "normalizer", _path))
        {
            case "Sequence":
                foreach (var part in normalizer.Parts("normalizers", _path)) ReadNormalizer(part);
                break;
            case "NFC":
                _pipeline.AddComposition();
                break;
            case "Prepend" when normalizer.Text("prepend", _path) is { Length: > 0 } prefix:
                _pipeline.AddPrefix(prefix);
                break;
            case "Replace" when Pattern(normalizer, "String") is { Length: > 0 } pattern && normalizer.Text("content", _path) is { } content:
                _pipeline.AddReplacement(pattern, content);
                break;
            case "Replace" when Pattern(normalizer, "Regex") is { } regex && normalizer.Text("content", _path) is { } content:
                _pipeline.AddReplacement($"replace regex {regex} {content}", new SplitRegex(regex, _path).Find, content);
                break;
            case var type:
                throw Unsupported("normalizer", type, normalizer);
        }
    }

    private void ReadPreTokenizer(JsonElement preTokenizer)
    {
        CountStep("pre_tokenizer");
        switch (JsonMembers.TypeOf(preTokenizer, "pre_tokenizer", _path))
        {
            case "Sequence":
                foreach (var part in preTokenizer.Parts("pretokenizers", _path)) ReadPreTokenizer(part);
                break;
            case "ByteLevel" when !_pipeline.IsByteLevel:
                bool splits = preTokenizer.Flag("use_regex", _path) ?? true;
                _pipeline.AddBytes(preTokenizer.Flag("add_prefix_space", _path) ?? throw Missing("add_prefix_space", preTokenizer),
                    splits ? new SplitRegex(Gpt2Regex, _path) : null);
                break;
            case "Split" when Pattern(preTokenizer, "Regex") is { } regex:
                _pipeline.AddSplit($"regex {regex}", new SplitRegex(regex, _path).Find, Behavior(preTokenizer), Inverts(preTokenizer));
                break;
            case "Split" when Pattern(preTokenizer, "String") is { Length: > 0 } text:
                _pipeline.AddSplit($"text {text}", Splitter.Literal(text), Behavior(preTokenizer), Inverts(preTokenizer));
                break;
            case "Digits":
                bool isEach = preTokenizer.Flag("individual_digits", _path) ?? false;
                _pipeline.AddSplit("digits", Splitter.Digits, isEach ? SplitBehavior.Isolated : SplitBehavior.Contiguous, false);
                break;
            case "Punctuation":
                _pipeline.AddSplit("punctuation", Splitter.Punctuation,
                    preTokenizer.TryGet("behavior", out _) ? Behavior(preTokenizer) : SplitBehavior.Isolated, false);
                break;
            case "Metaspace":
                ReadMetaspace(preTokenizer);
                break;
            case var type:
                throw Unsupported("pre_tokenizer", type, preTokenizer);
        }
    }

    private void ReadMetaspace(JsonElement preTokenizer)
    {
        string blank = preTokenizer.Text("replacement", _path) ?? throw Missing("replacement", preTokenizer);
        if (blank.Length != 1 || char.IsSurrogate(blank[0])) throw Unsupported("pre_tokenizer", "Metaspace", preTokenizer);
        var scheme = preTokenizer.Text("prepend_scheme", _path) switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            null => (PrependScheme?)null,
            var other => throw new ModelFormatException(_path, $"pre_tokenizer 'Metaspace' has prepend_scheme '{other}', expected always, first or never"),
        };
        // What older files say instead of prepend_scheme.
        if (preTokenizer.Flag("add_prefix_space", _path) is false)
        {
            if (scheme is PrependScheme.Always or PrependScheme.First)
                throw new ModelFormatException(_path, "pre_tokenizer 'Metaspace' has add_prefix_space false beside another prepend_scheme than never");
            scheme = PrependScheme.Never;
        }
        _pipeline.AddMetaspace(blank[0], scheme ?? PrependScheme.Always, preTokenizer.Flag("split", _path) ?? true);
    }

    private SplitBehavior Behavior(JsonElement element) => element.Text("behavior", _path) switch
    {
        "Isolated" => SplitBehavior.Isolated,
        "Removed" => SplitBehavior.Removed,
        "Contiguous" => SplitBehavior.Contiguous,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        _ => throw Unsupported("pre_tokenizer", JsonMembers.TypeOf(element, "pre_tokenizer", _path), element),
    };

    private bool Inverts(JsonElement element) => element.Flag("invert", _path) ?? false;

    private string? Pattern(JsonElement element, string kind) =>
        element.Member("pattern", JsonValueKind.Object, _path) is { } pattern ? pattern.Text(kind, _path) : null;

    private void CountStep(string field)
    {
        if (_pipeline.Steps.Count >= MaxSteps) throw new ModelFormatException(_path, $"{field} has more than {MaxSteps} steps, which is not supported");
    }

    private ModelFormatException Missing(string field, JsonElement element) => new(_path, $"'{field}' is missing in {JsonMembers.Shown(element)}");

    private ModelFormatException Unsupported(string field, string type, JsonElement element) =>
        new(_path, $"{field} '{type}' with these settings is not supported: {JsonMembers.Shown(element)}");
}
