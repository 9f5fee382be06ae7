using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads the <c>model</c> of a tokenizer.json: vocabulary and merges, the latter as "a b" or ["a", "b"].</summary>
internal sealed class BpeModelReader
{
    private readonly string _path;
    private readonly JsonElement _model;
    private readonly List<AddedToken> _added;
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);

    /// <summary>Checks type and settings and reads the vocabulary.</summary>
    public BpeModelReader(string path, JsonElement model, List<AddedToken> added)
    {
        (_path, _model, _added) = (path, model, added);
        string type = model.Text("type", path) ?? (model.TryGet("merges", out _) ? "BPE" : "without a type");
        if (type != "BPE") throw new ModelFormatException(path, $"model '{type}' is not supported; BPE is");
        if (model.TryGet("dropout", out var dropout) && dropout.GetRawText() is not ("0" or "0.0"))
            throw new ModelFormatException(path, "model has dropout, which makes ids random");
        foreach (string name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
            if (model.Text(name, path) is { Length: > 0 } text)
                throw new ModelFormatException(path, $"model has {name} '{text}', which is not supported");
        var vocabulary = model.Member("vocab", JsonValueKind.Object, path) ?? throw new ModelFormatException(path, "model has no vocab");
        foreach (var entry in vocabulary.EnumerateObject())
        {
            string piece = entry.Name;
            if (!_vocabulary.TryAdd(piece, JsonFile.Id(entry.Value, piece, path)))
                throw new ModelFormatException(path, $"vocab has '{piece}' twice");
        }
        var ids = new HashSet<int>();
        foreach (var (piece, id) in _vocabulary)
            if (!ids.Add(id)) throw new ModelFormatException(path, $"vocab gives id {id} twice, once to '{piece}'");
        foreach (var token in added.GroupBy(token => token.Id).FirstOrDefault(group => group.Count() > 1) ?? Enumerable.Empty<AddedToken>())
            throw new ModelFormatException(path, $"added_tokens gives id {token.Id} twice, once to '{token.Content}'");
        foreach (var token in added.GroupBy(token => token.Content).FirstOrDefault(group =>
            group.Count() > 1) ?? Enumerable.Empty<AddedToken>())
            throw new ModelFormatException(path, $"added_tokens has '{token.Content}' twice");
    }

    /// <summary>Byte-level: ranks are the single bytes, then the merges in their order; with <c>ignore_merges</c> also pieces that no merge
    /// makes.</summary>
    public ByteLevelEncoder ByteLevel(PreTokenizerPattern pattern, bool normalizes)
    {
        foreach (var token in _added) _vocabulary.Remove(token.Content);
        var ranked = new List<string>(_vocabulary.Count);
        var seen = new HashSet<string>(_vocabulary.Count, StringComparer.Ordinal);
        foreach (var (piece, _) in _vocabulary.Where(entry =>
            entry.Key.Length == 1 && ByteAlphabet.TryDecode(entry.Key) is not null).OrderBy(entry => entry.Value))
            if (seen.Add(piece)) ranked.Add(piece);
        if (ranked.Count != 256)
            throw new ModelFormatException(_path, $"vocab spells {ranked.Count} single bytes, expected 256 of a byte-level vocabulary");
        foreach (var (left, right) in Merges())
            if (seen.Add(Merged(left, right))) ranked.Add(left + right);
        if (_model.Flag("ignore_merges", _path) ?? false)
            ranked.AddRange(_vocabulary.OrderBy(entry => entry.Value).Select(entry => entry.Key).Where(piece =>
                ByteAlphabet.TryDecode(piece) is { Length: > 0 } && seen.Add(piece)));
        var bytes = ranked.Select(piece =>
            ByteAlphabet.TryDecode(piece) ?? throw new ModelFormatException(_path, $"merges make '{piece}', which does not spell bytes"));
        return new ByteLevelEncoder(bytes.ToArray(), ranked.Select(piece => _vocabulary[piece]).ToArray(), pattern, normalizes);
    }

    /// <summary>SentencePiece's kind: merges by pairs of ids.</summary>
    public SentencePieceBpeTokenizer SentencePiece(List<AddedToken> userDefined, bool escapes, DummyPrefix prefix)
    {
        if (_model.Flag("ignore_merges", _path) ?? false)
            throw new ModelFormatException(_path, "model has ignore_merges without a ByteLevel pre_tokenizer, which is not supported");
        var merges = new Dictionary<long, (int, int)>();
        int rank = 0;
        foreach (var (left, right) in Merges())
            merges.TryAdd(SentencePieceModel.Key(_vocabulary[left], _vocabulary[right]), (rank++, _vocabulary[Merged(left, right)]));
        int? unknown = null;
        if (_model.Text("unk_token", _path) is { } token)
            unknown = _vocabulary.TryGetValue(token, out int id) ? id
                : throw new ModelFormatException(_path, $"unk_token '{token}' is not in the vocab");
        return new SentencePieceBpeTokenizer(new SentencePieceModel
        {
            Vocabulary = _vocabulary,
            Merges = merges,
            UserDefined = userDefined,
            ByteIds = (_model.Flag("byte_fallback", _path) ?? false) ? ByteIds() : null,
            UnknownId = unknown,
            FusesUnknown = _model.Flag("fuse_unk", _path) ?? false,
            EscapesSpaces = escapes,
            Prefix = prefix,
        });
    }

    private int[] ByteIds() => Enumerable.Range(0, 256)
        .Select(b => _vocabulary.TryGetValue($"<0x{b:X2}>", out int id) ? id
            : throw new ModelFormatException(_path, $"byte_fallback is on, but the vocab has no <0x{b:X2}>")).ToArray();

    private string Merged(string left, string right) =>
        _vocabulary.ContainsKey(left + right) ? left + right
            : throw new ModelFormatException(_path, $"merge '{left}' + '{right}' makes a piece that is not in the vocab");

    private IEnumerable<(string Left, string Right)> Merges()
    {
        if (_model.Member("merges", JsonValueKind.Array, _path) is not { } merges) yield break;
        int index = 0;
        foreach (var merge in merges.EnumerateArray())
        {
            string[] pair = merge.ValueKind switch
            {
                JsonValueKind.String => merge.GetString()!.Split(' '),
                JsonValueKind.Array when merge.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String) =>
                    [.. merge.EnumerateArray().Select(part => part.GetString()!)],
                _ => [],
            };
            if (pair.Length != 2) throw new ModelFormatException(_path, $"merge {index} is not a pair of pieces");
            foreach (string piece in pair)
                if (!_vocabulary.ContainsKey(piece))
                    throw new ModelFormatException(_path, $"merge {index} uses '{piece}', which is not in the vocab");
            yield return (pair[0], pair[1]);
            index++;
        }
    }
}
