using System.Text;

namespace SparseRM.Text.Bpe;

/// <summary>Encodes text as Hugging Face's tokenizers do: normalizers, normalized added tokens, pre-tokenizers, merges.</summary>
internal sealed class PipelineEncoder : ISegmentEncoder
{
    // Ranks give the same ids faster, and take as long to make as merging so many characters without them.
    private const int CharactersBeforeRanks = 1 << 19;
    private readonly TokenizerPipeline _pipeline;
    private readonly BpeModel _model;
    private readonly AddedTokenFinder _normalized;
    private readonly List<AddedToken> _rewritten;
    private readonly Lazy<RankEncoder?> _ranks;
    private long _characters;

    /// <summary>Takes the parts; <paramref name="normalized"/> are the added tokens that are found after the normalizers.</summary>
    public PipelineEncoder(TokenizerPipeline pipeline, BpeModel model, IReadOnlyList<(AddedToken Token, string Pattern)> normalized, HashSet<int> marks)
    {
        (_pipeline, _model) = (pipeline, model);
        _ranks = new Lazy<RankEncoder?>(() => pipeline.SpellsLast ? RankEncoder.Of(model) : null);
        _normalized = new AddedTokenFinder(normalized, marks);
        _rewritten = [.. normalized.Where(entry => entry.Pattern != entry.Token.Content && marks.Contains(entry.Token.Id)).Select(entry => entry.Token)];
        HighestId = model.Vocabulary.Values.Concat(model.ByteIds ?? []).Append(model.UnknownId ?? 0).Max();
    }

    /// <summary>Added tokens that are part of the text; they count in the description.</summary>
    public required List<AddedToken> Pieces { get; init; }

    /// <inheritdoc/>
    public int HighestId { get; }

    /// <inheritdoc/>
    public void Encode(string text, int start, int end, MarkZones zones, List<TokenRange> tokens)
    {
        if (start == end) return;
        var aligned = _pipeline.Normalize(AlignedText.Of(text, start, end));
        int at = 0;
        foreach (var found in _normalized.Find(aligned, zones))
        {
            EncodePieces(aligned, at, found.From, tokens);
            var origin = aligned.Origin(found.Start, found.End);
            tokens.Add(new TokenRange(found.Id, origin.Start, origin.End));
            at = found.To;
        }
        EncodePieces(aligned, at, aligned.Text.Length, tokens);
    }

    /// <inheritdoc/>
    public int FindId(string piece) => _model.Vocabulary.TryGetValue(piece, out int id) ? id : Pieces.Find(token => token.Content == piece)?.Id ?? -1;

    /// <inheritdoc/>
    public string? TextOf(int id)
    {
        if (_model.PieceOf(id) is { } piece)
            return _pipeline.IsByteLevel ? ByteAlphabet.TryDecode(piece) is { } bytes ? ByteAlphabet.Readable(bytes) : piece
                : piece.Replace(TokenizerPipeline.Blank, ' ');
        if (_model.ByteIds is { } byteIds && Array.IndexOf(byteIds, id) is >= 0 and var b) return $"<0x{b:X2}>";
        return Pieces.Find(token => token.Id == id)?.Content.Replace(TokenizerPipeline.Blank, ' ');
    }

    /// <inheritdoc/>
    public byte[]? BytesOf(int id)
    {
        if (_model.PieceOf(id) is { } piece && _pipeline.IsByteLevel && ByteAlphabet.TryDecode(piece) is { } bytes) return bytes;
        if (_model.ByteIds is { } byteIds && Array.IndexOf(byteIds, id) is >= 0 and var b) return [(byte)b];
        return TextOf(id) is { } text ? Encoding.UTF8.GetBytes(text) : null;
    }

    /// <inheritdoc/>
    public bool PutsBlankFirst => _pipeline.PutsBlankFirst;

    /// <inheritdoc/>
    public void Describe(BinaryWriter writer)
    {
        TokenizerDescription.Write(writer, _pipeline, _model, Pieces);
        foreach (var token in _rewritten.OrderBy(token => token.Id)) writer.Write($"normalized {token.Id}");
    }

    private void EncodePieces(AlignedText aligned, int start, int end, List<TokenRange> tokens)
    {
        if (start >= end) return;
        var pieces = new Pieces(aligned, start, end);
        bool isLong = _ranks.IsValueCreated || Interlocked.Add(ref _characters, end - start) > CharactersBeforeRanks;
        var ranks = isLong ? _ranks.Value : null;
        int steps = _pipeline.PreTokenizers.Count - (ranks is null ? 0 : 1);
        for (int step = 0; step < steps; step++) _pipeline.PreTokenizers[step](pieces);
        if (ranks is not null)
            foreach (var (from, to) in pieces.Ranges) ranks.Encode(pieces.Aligned, from, to, tokens);
        else
            foreach (var (from, to) in pieces.Ranges) _model.Encode(pieces.Aligned, from, to, tokens);
    }
}
