using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads the <c>model</c> of a tokenizer.json: vocabulary and merges, the latter as "a b" or ["a", "b"].</summary>
internal sealed class BpeModelReader
{
    private readonly string _path;
    private readonly JsonElement _model;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <summary>Checks type and settings and reads the vocabulary.</summary>
    public BpeModelReader(string path, JsonElement model)
    {
        (_path, _model) = (path, model);
        _lookup = Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        string type = model.Text("type", path) ?? (model.TryGet("merges", out _) ? "BPE" : "without a type");
        if (type != "BPE") throw new ModelFormatException(path, $"model '{type}' is not supported; BPE is");
        if (model.TryGet("dropout", out var dropout) && dropout.GetRawText() is not ("0" or "0.0"))
            throw new ModelFormatException(path, "model has dropout, which makes ids random");
        foreach (string name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
            if (model.Text(name, path) is { Length: > 0 } text)
                throw new ModelFormatException(path, $"model has {name} '{text}', which is not supported");
        var vocabulary = model.Member("vocab", JsonValueKind.Object, path) ?? throw new ModelFormatException(path, "model has no vocab");
        Vocabulary.EnsureCapacity(vocabulary.GetPropertyCount());
        Ids.EnsureCapacity(vocabulary.GetPropertyCount());
        foreach (var entry in vocabulary.EnumerateObject())
        {
            int id = JsonMembers.Id(entry.Value, entry.Name, path);
            if (!Ids.Add(id)) throw new ModelFormatException(path, $"vocab gives id {id} twice, once to '{entry.Name}'");
            Vocabulary.Add(entry.Name, id);
        }
    }

    /// <summary>Id of each piece.</summary>
    public Dictionary<string, int> Vocabulary { get; } = new(StringComparer.Ordinal);

    /// <summary>The ids of all pieces.</summary>
    public HashSet<int> Ids { get; } = [];

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
        if (_model.Member("merges", JsonValueKind.Array, _path) is not { } list) return BpeModel.NewMerges();
        var merges = BpeModel.NewMerges(list.GetArrayLength());
        char[] joined = new char[64];
        int index = 0;
        foreach (var merge in list.EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.String && JsonMarshal.GetRawUtf8Value(merge).StartsWith("\"#version"u8)) continue;
            var (left, right, result) = Pair(merge, index, ref joined);
            if (!special.Contains(result)) merges[BpeModel.Key(left, right)] = (index, result);
            index++;
        }
        return merges;
    }

    // Hundreds of thousands of them: read without a string for each part.
    private (int Left, int Right, int Result) Pair(JsonElement merge, int index, ref char[] joined)
    {
        string? whole = merge.ValueKind == JsonValueKind.String ? merge.GetString() : null, first = null, second = null;
        int blank = whole?.IndexOf(' ') ?? -1;
        if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2 && merge[0].ValueKind == JsonValueKind.String && merge[1].ValueKind == JsonValueKind.String)
            (first, second) = (merge[0].GetString(), merge[1].GetString());
        bool isPair = first is not null || (blank >= 0 && whole!.IndexOf(' ', blank + 1) < 0);
        if (!isPair) throw new ModelFormatException(_path, $"merge {index} is not a pair of pieces");
        var left = first is not null ? first.AsSpan() : whole.AsSpan(0, blank);
        var right = second is not null ? second.AsSpan() : whole.AsSpan(blank + 1);
        if (joined.Length < left.Length + right.Length) joined = new char[2 * (left.Length + right.Length)];
        left.CopyTo(joined);
        right.CopyTo(joined.AsSpan(left.Length));
        var (leftId, rightId) = (IdOf(left, index), IdOf(right, index));
        if (_lookup.TryGetValue(joined.AsSpan(0, left.Length + right.Length), out int result)) return (leftId, rightId, result);
        throw new ModelFormatException(_path, $"merge '{left}' + '{right}' makes a piece that is not in the vocab");
    }

    private int IdOf(ReadOnlySpan<char> piece, int index) => _lookup.TryGetValue(piece, out int id) ? id
        : throw new ModelFormatException(_path, $"merge {index} uses '{piece}', which is not in the vocab");
}
