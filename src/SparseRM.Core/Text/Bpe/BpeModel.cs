using System.Globalization;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>A vocabulary with merges: pairs of ids, the lowest rank first, the leftmost among equals.</summary>
internal sealed class BpeModel
{
    private const int ShortPiece = 64;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<int, string> _pieceOfId = [];

    /// <summary>Takes the vocabulary.</summary>
    public BpeModel(Dictionary<string, int> vocabulary)
    {
        Vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (piece, id) in vocabulary) _pieceOfId[id] = piece;
    }

    /// <summary>Id of each piece that text can become.</summary>
    public Dictionary<string, int> Vocabulary { get; }

    /// <summary>Rank and result of merging two ids, by <see cref="Key"/>.</summary>
    public required Dictionary<long, (int Rank, int Id)> Merges { get; init; }

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

    /// <summary>Key of <see cref="Merges"/>.</summary>
    public static long Key(int left, int right) => (long)left << 32 | (uint)right;

    /// <summary>The piece of an id, or null.</summary>
    public string? PieceOf(int id) => _pieceOfId.GetValueOrDefault(id);

    /// <summary>Appends the tokens of the characters [start, end) of a text.</summary>
    /// <exception cref="SparseRMException">A character is not in the vocabulary, which has no token for unknown ones.</exception>
    public void Encode(AlignedText aligned, int start, int end, List<TokenRange> tokens)
    {
        string text = aligned.Text;
        if (TakesWholePieces && _lookup.TryGetValue(text.AsSpan(start, end - start), out int whole) && !Special.Contains(whole))
        {
            Add(whole, aligned, start, end, tokens);
            return;
        }
        if (end - start > ShortPiece)
        {
            var symbols = new Symbol[end - start];
            Merge(aligned, start, symbols.AsSpan(0, Symbols(text, start, end, symbols)), tokens);
        }
        else
        {
            Span<Symbol> symbols = stackalloc Symbol[end - start];
            Merge(aligned, start, symbols[..Symbols(text, start, end, symbols)], tokens);
        }
    }

    private void Merge(AlignedText aligned, int offset, Span<Symbol> symbols, List<TokenRange> tokens)
    {
        PairMerger.Merge(symbols, new MergeRule(Merges));
        bool afterUnknown = false;
        for (int i = 0; i >= 0; i = symbols[i].Next)
        {
            var (start, end) = (offset + symbols[i].Start, offset + symbols[i].End);
            if (symbols[i].Id >= 0) Add(symbols[i].Id, aligned, start, end, tokens);
            else if (ByteIds is not null)
                foreach (byte b in Encoding.UTF8.GetBytes(aligned.Text, start, end - start)) Add(ByteIds[b], aligned, start, end, tokens);
            else if (afterUnknown && FusesUnknown) tokens[^1] = tokens[^1] with { End = aligned.Origin(start, end).End };
            else Add(UnknownId ?? throw Unknown(aligned.Text, start), aligned, start, end, tokens);
            afterUnknown = symbols[i].Id < 0 && ByteIds is null;
        }
    }

    private int Symbols(string text, int start, int end, Span<Symbol> symbols)
    {
        int count = 0;
        for (int at = start; at < end; count++)
        {
            int length = char.IsHighSurrogate(text[at]) ? 2 : 1;
            int id = _lookup.TryGetValue(text.AsSpan(at, length), out int known) ? known : -1;
            symbols[count] = new Symbol { Start = at - start, End = at - start + length, Id = id };
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
}
