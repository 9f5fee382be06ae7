using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>SentencePiece BPE: characters merged by rank, the leftmost among equals; user-defined pieces first; bytes where a character is
/// unknown.</summary>
/// <remarks>Ours, because the package's takes merges of equal score right to left and does not know user-defined pieces.</remarks>
internal sealed class SentencePieceBpeTokenizer : Tokenizer, ISegmentEncoder
{
    private const char Blank = '\u2581';
    private readonly SentencePieceModel _model;
    private readonly TokenTrie _userDefined = new();
    private readonly Dictionary<int, string> _pieceOfId = [];

    /// <summary>Wraps a model that a reader has checked.</summary>
    public SentencePieceBpeTokenizer(SentencePieceModel model)
    {
        _model = model;
        foreach (var (piece, id) in model.Vocabulary) _pieceOfId[id] = piece;
        foreach (var token in model.UserDefined)
        {
            _userDefined.Add(token.Content, token.Id);
            _pieceOfId[token.Id] = token.Content;
        }
        for (int b = 0; b < model.ByteIds?.Length; b++) _pieceOfId[model.ByteIds[b]] = $"<0x{b:X2}>";
        HighestId = Math.Max(_pieceOfId.Keys.DefaultIfEmpty(0).Max(), model.UnknownId ?? 0);
    }

    /// <inheritdoc/>
    public int HighestId { get; }

    /// <inheritdoc/>
    public void Encode(string segment, bool atStart, List<TokenRange> tokens)
    {
        if (segment.Length == 0) return;
        int shift = _model.Prefix == DummyPrefix.Always || (_model.Prefix == DummyPrefix.First && atStart) ? 1 : 0;
        string text = _model.EscapesSpaces ? segment.Replace(' ', Blank) : segment;
        if (shift == 1) text = Blank + text;
        var symbols = Symbols(text);
        PairMerger.Merge(symbols.AsSpan(), new VocabularyRule(_model.Merges));
        bool afterUnknown = false;
        for (int i = 0; i >= 0; i = symbols[i].Next)
        {
            var (start, end) = (Math.Max(symbols[i].Start - shift, 0), symbols[i].End - shift);
            if (symbols[i].Id >= 0) tokens.Add(new TokenRange(symbols[i].Id, start, end));
            else if (_model.ByteIds is { } byteIds)
                foreach (byte b in Encoding.UTF8.GetBytes(text, symbols[i].Start, symbols[i].End - symbols[i].Start))
                    tokens.Add(new TokenRange(byteIds[b], start, end));
            else AddUnknown(text, symbols[i], new TokenRange(_model.UnknownId ?? -1, start, end), afterUnknown, tokens);
            afterUnknown = symbols[i].Id < 0 && _model.ByteIds is null;
        }
    }

    /// <inheritdoc/>
    public int FindId(string piece) =>
        _model.Vocabulary.TryGetValue(piece, out int id) ? id : _model.UserDefined.Find(token => token.Content == piece)?.Id ?? -1;

    /// <inheritdoc/>
    public string? TextOf(int id) => _pieceOfId.TryGetValue(id, out string? piece) ? piece.Replace(Blank, ' ') : null;

    /// <inheritdoc/>
    public void Describe(BinaryWriter writer)
    {
        writer.Write($"sentencepiece prefix={_model.Prefix} escape={_model.EscapesSpaces} unknown={_model.UnknownId} fuse={_model.FusesUnknown}");
        foreach (var (piece, id) in _model.Vocabulary.OrderBy(entry => entry.Value).ThenBy(entry => entry.Key, StringComparer.Ordinal))
        {
            writer.Write(piece);
            writer.Write(id);
        }
        foreach (var token in _model.UserDefined.OrderBy(token => token.Id))
        {
            writer.Write(token.Content);
            writer.Write(token.Id);
        }
        foreach (int id in _model.ByteIds ?? []) writer.Write(id);
        foreach (var (pair, merge) in _model.Merges.OrderBy(entry => entry.Value.Rank).ThenBy(entry => entry.Key))
        {
            writer.Write(pair);
            writer.Write(merge.Rank);
        }
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        (idsConsumed, charsWritten) = (0, 0);
        foreach (int id in ids)
        {
            if (TextOf(id) is not { } text) return OperationStatus.InvalidData;
            if (!text.TryCopyTo(destination[charsWritten..])) return OperationStatus.DestinationTooSmall;
            charsWritten += text.Length;
            idsConsumed++;
        }
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string segment = text ?? textSpan.ToString();
        var ranges = new List<TokenRange>();
        Encode(segment, atStart: true, ranges);
        var tokens = ranges.Take(settings.MaxTokenCount).Select(range =>
            new EncodedToken(range.Id, TextOf(range.Id) ?? "", range.Start..range.End)).ToList();
        int consumed = tokens.Count == ranges.Count ? segment.Length : ranges[tokens.Count].Start;
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = null, CharsConsumed = consumed };
    }

    private Symbol[] Symbols(string text)
    {
        var symbols = new List<Symbol>(text.Length);
        for (int at = 0; at < text.Length;)
        {
            bool frozen = _userDefined.TryMatch(text, at, text.Length, out int id, out int length);
            if (!frozen)
            {
                Rune.DecodeFromUtf16(text.AsSpan(at), out _, out length);
                if (!_model.Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text.AsSpan(at, length), out id)) id = -1;
            }
            symbols.Add(new Symbol { Start = at, End = at + length, Id = id, Frozen = frozen });
            at += length;
        }
        return [.. symbols];
    }

    private void AddUnknown(string text, in Symbol symbol, TokenRange range, bool afterUnknown, List<TokenRange> tokens)
    {
        if (range.Id < 0)
            throw new SparseRMException($"the vocabulary has no token for '{text[symbol.Start..symbol.End]}' (U+{char.ConvertToUtf32(text, symbol.Start):X4}) and no unknown token; use the tokenizer that the model came with");
        if (afterUnknown && _model.FusesUnknown) tokens[^1] = tokens[^1] with { End = range.End };
        else tokens.Add(range);
    }

    private readonly struct VocabularyRule(Dictionary<long, (int Rank, int Id)> merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id)
        {
            bool found = merges.TryGetValue(SentencePieceModel.Key(left.Id, right.Id), out var merge);
            (rank, id) = merge;
            return found && left.Id >= 0 && right.Id >= 0;
        }
    }
}
