using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace SparseRM.Text.Bpe;

/// <summary>Merges pieces of a byte-level vocabulary whose merges go by ranks alone with <see cref="TiktokenTokenizer"/>. Thread-safe.</summary>
/// <remarks>It gets pieces, as the cuts are ours and every token's characters must be known. Its time grows with the square of a piece's length, so that long
/// ones take <see cref="PairMerger"/> over the same vocabulary.</remarks>
internal sealed class RankEncoder
{
    private const int LongPiece = 64;
    private readonly BpeModel _model;
    private readonly TiktokenTokenizer _tiktoken;
    private readonly List<int> _idOfRank;
    private readonly PieceCache<TokenRange[]> _kept = new();

    private RankEncoder(BpeModel model, List<int> idOfRank)
    {
        (_model, _idOfRank) = (model, idOfRank);
        var lines = new StringBuilder(idOfRank.Count * 20).Append(CultureInfo.InvariantCulture, $"Capacity: {idOfRank.Count}\n");
        for (int rank = 0; rank < idOfRank.Count; rank++)
            lines.Append(Convert.ToBase64String(ByteAlphabet.TryDecode(model.PieceOf(idOfRank[rank])!)!)).Append(' ').Append(rank).Append('\n');
        using var stream = new MemoryStream(Encoding.ASCII.GetBytes(lines.ToString()));
        _tiktoken = TiktokenTokenizer.Create(stream, preTokenizer: null, normalizer: null);
    }

    /// <summary>The encoder of a model, or null where its merges do not go by ranks alone.</summary>
    public static RankEncoder? Of(BpeModel model)
    {
        var ids = model.IdsAreRanks ? [.. Enumerable.Range(0, model.Vocabulary.Count)] : MergeRanks.Of(model);
        return ids is null ? null : new RankEncoder(model, ids);
    }

    /// <summary>Appends the tokens of the characters [start, end) of a text that is not spelled as bytes yet.</summary>
    public void Encode(AlignedText aligned, int start, int end, List<TokenRange> tokens)
    {
        var piece = aligned.Text.AsSpan(start, end - start);
        var parts = _kept.Find(piece);
        if (parts is null) _kept.Keep(piece, parts = Parts(piece));
        foreach (var (id, from, to) in parts)
        {
            var origin = aligned.Origin(start + from, start + to);
            tokens.Add(new TokenRange(id, origin.Start, origin.End));
        }
    }

    private TokenRange[] Parts(ReadOnlySpan<char> piece)
    {
        bool isLong = piece.Length > LongPiece;
        if (isLong || _model.TakesWholePieces)
        {
            string spelled = ByteAlphabet.Spell(Encoding.UTF8.GetBytes(piece.ToString()));
            if (_model.WholePiece(spelled) is { } whole) return [new TokenRange(whole, 0, piece.Length)];
            if (isLong) return Characters(piece, _model.Parts(spelled));
        }
        var ranks = _tiktoken.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false);
        var parts = new (int Id, int End)[ranks.Count];
        for (int i = 0, end = 0; i < parts.Length; i++)
        {
            int id = _idOfRank[ranks[i]];
            parts[i] = (id, end += _model.PieceOf(id)!.Length);
        }
        return Characters(piece, parts);
    }

    // A token holds bytes; the characters that it holds a part of are found by walking bytes and characters together.
    private static TokenRange[] Characters(ReadOnlySpan<char> piece, (int Id, int End)[] parts)
    {
        var tokens = new TokenRange[parts.Length];
        int charStart = 0, byteStart = 0, begin = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            int chars, bytes;
            while (byteStart + (bytes = Utf8Length(piece, charStart, out chars)) <= begin)
                (charStart, byteStart) = (charStart + chars, byteStart + bytes);
            int charEnd = charStart, reached = byteStart;
            while (reached < parts[i].End)
            {
                reached += Utf8Length(piece, charEnd, out chars);
                charEnd += chars;
            }
            tokens[i] = new TokenRange(parts[i].Id, charStart, charEnd);
            begin = parts[i].End;
        }
        return tokens;
    }

    private static int Utf8Length(ReadOnlySpan<char> text, int at, out int chars)
    {
        Rune.DecodeFromUtf16(text[at..], out var rune, out chars);
        return rune.Utf8SequenceLength;
    }
}
