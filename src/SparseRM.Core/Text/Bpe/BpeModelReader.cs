using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads the <c>model</c> of a tokenizer.json: vocabulary and merges, the latter as "a b" or ["a", "b"].</summary>
internal sealed class BpeModelReader
{
    private readonly string _path;
    private readonly JsonElement _model;

    /// <summary>Checks type and settings and reads the vocabulary.</summary>
    public BpeModelReader(string path, JsonElement model)
    {
        (_path, _model) = (path, model);
        string type = model.Text("type", path) ?? (model.TryGet("merges", out _) ? "BPE" : "without a type");
        if (type != "BPE") throw new ModelFormatException(path, $"model '{type}' is not supported; BPE is");
        if (model.TryGet("dropout", out var dropout) && dropout.GetRawText() is not ("0" or "0.0"))
            throw new ModelFormatException(path, "model has dropout, which makes ids random");
        foreach (string name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
            if (model.Text(name, path) is { Length: > 0 } text)
                throw new ModelFormatException(path, $"model has {name} '{text}', which is not supported");
        var vocabulary = model.Member("vocab", JsonValueKind.Object, path) ?? throw new ModelFormatException(path, "model has no vocab");
        var ids = new HashSet<int>();
        foreach (var entry in vocabulary.EnumerateObject())
        {
            int id = JsonMembers.Id(entry.Value, entry.Name, path);
            if (!ids.Add(id)) throw new ModelFormatException(path, $"vocab gives id {id} twice, once to '{entry.Name}'");
            Vocabulary.Add(entry.Name, id);
        }
    }

    /// <summary>Id of each piece.</summary>
    public Dictionary<string, int> Vocabulary { get; } = new(StringComparer.Ordinal);

    /// <summary>The model; <paramref name="special"/> are the special tokens that no text may become by merging.</summary>
    public BpeModel Read(bool isByteLevel, HashSet<int> special)
    {
        bool usesBytes = !isByteLevel && (_model.Flag("byte_fallback", _path) ?? false);
        int? unknown = UnknownId(isByteLevel);
        if (isByteLevel) RequireBytes(unknown);
        return new BpeModel(Vocabulary, new(Merges(special)))
        {
            ByteIds = usesBytes ? ByteIds() : null,
            UnknownId = unknown,
            FusesUnknown = _model.Flag("fuse_unk", _path) ?? false,
            TakesWholePieces = _model.Flag("ignore_merges", _path) ?? false,
            Special = special,
        };
    }

    // A byte-level vocabulary covers all text, so that its unknown token is never used and may be one that it has not.
    private int? UnknownId(bool isByteLevel)
    {
        if (_model.Text("unk_token", _path) is not { } token) return null;
        if (Vocabulary.TryGetValue(token, out int id)) return id;
        return isByteLevel ? null : throw new ModelFormatException(_path, $"unk_token '{token}' is not in the vocab");
    }

    private void RequireBytes(int? unknown)
    {
        var missing = Enumerable.Range(0, 256).Where(b => !Vocabulary.ContainsKey($"{ByteAlphabet.CharOf((byte)b)}")).ToList();
        bool occur = missing.Exists(b => b is < 0xC0 or (> 0xC1 and < 0xF5));
        if (occur && unknown is null)
            throw new ModelFormatException(_path, $"vocab spells {256 - missing.Count} single bytes, expected 256 of a byte-level vocabulary");
    }

    private int[] ByteIds() => Enumerable.Range(0, 256)
        .Select(b => Vocabulary.TryGetValue($"<0x{b:X2}>", out int id) ? id
            : throw new ModelFormatException(_path, $"byte_fallback is on, but the vocab has no <0x{b:X2}>")).ToArray();

    // Of a pair that is there twice the later rank counts. No text reaches a merge that makes a special token, as that is found before anything is
    // merged; left out, it cannot be reached by what a message spells either.
    private Dictionary<long, (int Rank, int Id)> Merges(HashSet<int> special)
    {
        var merges = BpeModel.NewMerges();
        if (_model.Member("merges", JsonValueKind.Array, _path) is not { } list) return merges;
        int index = 0;
        foreach (var merge in list.EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.String && merge.GetString()!.StartsWith("#version", StringComparison.Ordinal)) continue;
            var (left, right) = Pair(merge, index);
            if (!Vocabulary.TryGetValue(left + right, out int result))
                throw new ModelFormatException(_path, $"merge '{left}' + '{right}' makes a piece that is not in the vocab");
            if (!special.Contains(result)) merges[BpeModel.Key(Vocabulary[left], Vocabulary[right])] = (index, result);
            index++;
        }
        return merges;
    }

    private (string Left, string Right) Pair(JsonElement merge, int index)
    {
        string[] pair = merge.ValueKind switch
        {
            JsonValueKind.String => merge.GetString()!.Split(' '),
            JsonValueKind.Array when merge.GetArrayLength() == 2 && merge.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String) =>
                [.. merge.EnumerateArray().Select(part => part.GetString()!)],
            _ => [],
        };
        if (pair.Length != 2) throw new ModelFormatException(_path, $"merge {index} is not a pair of pieces");
        foreach (string piece in pair)
            if (!Vocabulary.ContainsKey(piece))
                throw new ModelFormatException(_path, $"merge {index} uses '{piece}', which is not in the vocab");
        return (pair[0], pair[1]);
    }
}
