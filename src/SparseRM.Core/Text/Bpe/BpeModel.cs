using System.Globalization;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>A vocabulary with merges: pairs of ids, the lowest rank first, the leftmost among equals.</summary>
internal sealed class BpeModel
{
    private const int ShortPiece = 64;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Lazy<Dictionary<int, string>> _pieceOfId;
    private readonly PieceCache<(int Id, int End)[]> _kept = new();

    private readonly Lazy<Dictionary<long, (int Rank, int Id)>> _merges;
    private readonly Lazy<bool> _wordsAreApart;
    private readonly int _longestPiece;

    /// <summary>Takes the vocabulary and its merges, which are made when they are first asked for.</summary>
    public BpeModel(Dictionary<string, int> vocabulary, Lazy<Dictionary<long, (int Rank, int Id)>> merges)
    {
        (Vocabulary, _merges) = (vocabulary, merges);
        _longestPiece = vocabulary.Keys.Select(piece => piece.Length).DefaultIfEmpty(0).Max();
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _wordsAreApart = new(() => !IdsAreRanks && vocabulary.Keys.All(piece => EndOfWord(piece, 0) == piece.Length));
        _pieceOfId = new(() =>
        {
            var pieces = new Dictionary<int, string>(vocabulary.Count);
            foreach (var (piece, id) in vocabulary) pieces[id] = piece;
            return pieces;
        });
    }

    /// <summary>Id of each piece that text can become.</summary>
    public Dictionary<string, int> Vocabulary { get; }

    /// <summary>Rank and result of merging two ids, by <see cref="Key"/>.</summary>
    public Dictionary<long, (int Rank, int Id)> Merges => _merges.Value;

    /// <summary>Whether two pieces merge wherever they spell a third, whose id is the rank.</summary>
    public bool IdsAreRanks { get; init; }

    /// <summary>Ids of the tokens of the 256 bytes, or null without byte fallback.</summary>
    public int[]? ByteIds { get; init; }

    /// <summary>Id for characters that nothing else covers, or null where there is none.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Whether a run of unknown characters is one token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>Whether a piece that is a token as a whole is that token, whatever the merges make of it.</summary>
    public bool TakesWholePieces { get; init; }

    /// <summary>Ids of special tokens: no text becomes one of them by merging or as a whole piece.</summary>
    public required HashSet<int> Special { get; init; }

    /// <summary>Whether words merge alone: where no token has a blank behind another character, nothing merges across the beginning of a word.</summary>
    public bool WordsAreApart => _wordsAreApart.Value;

    /// <summary>An empty table of merges. Its hash mixes both ids: that of <see cref="long"/> is their XOR, by which the many pairs that make one long piece
    /// collide.</summary>
    public static Dictionary<long, (int Rank, int Id)> NewMerges(int capacity = 0) => new(capacity, PairComparer.Instance);

    /// <summary>Key of <see cref="Merges"/>.</summary>
    public static long Key(int left, int right) => (long)left << 32 | (uint)right;

    /// <summary>The piece of an id, or null.</summary>
    public string? PieceOf(int id) => _pieceOfId.Value.GetValueOrDefault(id);

    /// <summary>Appends the tokens of the characters [start, end) of a text.</summary>
    /// <exception cref="SparseRMException">A character is not in the vocabulary, which has no token for unknown ones.</exception>
    public void Encode(AlignedText aligned, int start, int end, List<TokenRange> tokens)
    {
        string text = aligned.Text;
        var piece = text.AsSpan(start, end - start);
        if (WholePiece(piece) is { } whole)
        {
            Add(whole, aligned, start, end, tokens);
            return;
        }
        bool afterUnknown = false;
        for (int at = start, next; at < end; at = next)
        {
            next = WordsAreApart ? EndOfWord(text.AsSpan(0, end), at) : end;
            AddParts(KeptParts(text.AsSpan(at, next - at)), aligned, at, tokens, ref afterUnknown);
        }
    }

    /// <summary>Id of a piece that is a token as a whole, or null where it is none or is merged all the same.</summary>
    public int? WholePiece(ReadOnlySpan<char> piece) =>
        TakesWholePieces && _lookup.TryGetValue(piece, out int whole) && !Special.Contains(whole) ? whole : null;

    /// <summary>The symbols that are left of a piece when nothing merges any more: ids, -1 for unknown, and where each ends. Words come again and again,
    /// so <see cref="Encode"/> keeps those of short pieces.</summary>
    public (int Id, int End)[] Parts(ReadOnlySpan<char> piece)
    {
        Span<Symbol> symbols = piece.Length > ShortPiece ? new Symbol[piece.Length] : stackalloc Symbol[piece.Length];
        symbols = symbols[..Symbols(piece, symbols)];
        if (IdsAreRanks) PairMerger.Merge(symbols, new SpellingRule(_lookup, piece, _longestPiece));
        else PairMerger.Merge(symbols, new MergeRule(Merges));
        int count = 0;
        for (int i = 0; i >= 0; i = symbols[i].Next) count++;
        var parts = new (int Id, int End)[count];
        int part = 0;
        for (int i = 0; i >= 0; i = symbols[i].Next) parts[part++] = (symbols[i].Id, symbols[i].End);
        return parts;
    }

    // The first blank from here on that follows another character, or the text's end.
    private static int EndOfWord(ReadOnlySpan<char> text, int start)
    {
        for (int at = start + 1; at < text.Length; at++)
        {
            int blank = text[at..].IndexOf(TokenizerPipeline.Blank);
            if (blank < 0) break;
            at += blank;
            if (text[at - 1] != TokenizerPipeline.Blank) return at;
        }
        return text.Length;
    }

    private (int Id, int End)[] KeptParts(ReadOnlySpan<char> word)
    {
        if (_kept.Find(word) is { } kept) return kept;
        var parts = Parts(word);
        _kept.Keep(word, parts);
        return parts;
    }

    private void AddParts((int Id, int End)[] parts, AlignedText aligned, int offset, List<TokenRange> tokens, ref bool afterUnknown)
    {
        int start = offset;
        foreach (var (id, length) in parts)
        {
            int end = offset + length;
            if (id >= 0) Add(id, aligned, start, end, tokens);
            else if (ByteIds is not null)
                foreach (byte b in Encoding.UTF8.GetBytes(aligned.Text, start, end - start)) Add(ByteIds[b], aligned, start, end, tokens);
            else if (afterUnknown && FusesUnknown) tokens[^1] = tokens[^1] with { End = aligned.Origin(start, end).End };
            else Add(UnknownId ?? throw Unknown(aligned.Text, start), aligned, start, end, tokens);
            afterUnknown = id < 0 && ByteIds is null;
            start = end;
        }
    }

    private int Symbols(ReadOnlySpan<char> piece, Span<Symbol> symbols)
    {
        int count = 0;
        for (int at = 0; at < piece.Length; count++)
        {
            int length = char.IsHighSurrogate(piece[at]) ? 2 : 1;
            int id = _lookup.TryGetValue(piece.Slice(at, length), out int known) ? known : -1;
            symbols[count] = new Symbol { Start = at, End = at + length, Id = id };
            at += length;
        }
        return count;
    }

    private static void Add(int id, AlignedText aligned, int start, int end, List<TokenRange> tokens)
    {
        var origin = aligned.Origin(start, end);
        tokens.Add(new TokenRange(id, origin.Start, origin.End));
    }

    private static SparseRMException Unknown(string text, int at)
    {
        int code = char.ConvertToUtf32(text, at);
        string shown = char.IsControl(text[at]) ? "" : $"'{char.ConvertFromUtf32(code)}' ";
        return new SparseRMException(string.Create(CultureInfo.InvariantCulture,
            $"the vocabulary has no token for {shown}(U+{code:X4}) and no unknown token; use the tokenizer that the model came with"));
    }

    private sealed class PairComparer : IEqualityComparer<long>
    {
        public static readonly PairComparer Instance = new();

        public bool Equals(long x, long y) => x == y;

        public int GetHashCode(long pair) => (int)(((ulong)pair * 0x9E3779B97F4A7C15) >> 32);
    }

    private readonly struct MergeRule(Dictionary<long, (int Rank, int Id)> merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id)
        {
            (rank, id) = (0, -1);
            if (left.Id < 0 || right.Id < 0 || !merges.TryGetValue(Key(left.Id, right.Id), out var merge)) return false;
            (rank, id) = merge;
            return true;
        }
    }

    private readonly ref struct SpellingRule(Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup, ReadOnlySpan<char> text, int longest)
        : IMergeRule
    {
        private readonly ReadOnlySpan<char> _text = text;

        public bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id)
        {
            rank = id = -1;
            if (right.End - left.Start > longest || !lookup.TryGetValue(_text[left.Start..right.End], out rank)) return false;
            id = rank;
            return true;
        }
    }
}
