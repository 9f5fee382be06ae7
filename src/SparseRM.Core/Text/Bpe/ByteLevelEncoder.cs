using System.Text;
using Microsoft.ML.Tokenizers;

namespace SparseRM.Text.Bpe;

/// <summary>Byte-level BPE: pieces of the pre-tokenizer, merged as bytes in the order of ranks; a piece that is a token of its own is that
/// token.</summary>
/// <remarks>Short pieces go through <see cref="TiktokenTokenizer"/>. Its time grows with the square of a piece's length, so longer ones
/// take
/// <see cref="PairMerger"/> over the same ranks, which gives the same ids.</remarks>
internal sealed class ByteLevelEncoder : ISegmentEncoder
{
    private const int LongPiece = 64;
    private readonly TiktokenTokenizer _tiktoken;
    private readonly RunePreTokenizer _preTokenizer;
    private readonly PreTokenizerPattern _pattern;
    private readonly bool _normalizes;
    private readonly byte[][] _bytesOfRank;
    private readonly int[] _idOfRank;
    private readonly Dictionary<int, int> _rankOfId;
    private readonly Dictionary<byte[], int> _rankOfBytes;
    private readonly int _longestToken;

    /// <summary>Rank r is the token <paramref name="bytesOfRank"/>[r] with id <paramref name="idOfRank"/>[r]; all 256 single bytes must be
    /// there.</summary>
    public ByteLevelEncoder(byte[][] bytesOfRank, int[] idOfRank, PreTokenizerPattern pattern, bool normalizes)
    {
        (_bytesOfRank, _idOfRank, _pattern, _normalizes) = (bytesOfRank, idOfRank, pattern, normalizes);
        _preTokenizer = new RunePreTokenizer(pattern);
        _rankOfId = new Dictionary<int, int>(idOfRank.Length);
        _rankOfBytes = new Dictionary<byte[], int>(idOfRank.Length, ByteComparer.Instance);
        var lines = new StringBuilder();
        for (int rank = 0; rank < idOfRank.Length; rank++)
        {
            _rankOfId[idOfRank[rank]] = rank;
            _rankOfBytes[bytesOfRank[rank]] = rank;
            _longestToken = Math.Max(_longestToken, bytesOfRank[rank].Length);
            lines.Append(Convert.ToBase64String(bytesOfRank[rank])).Append(' ').Append(rank).Append('\n');
        }
        HighestId = idOfRank.Max();
        using var stream = new MemoryStream(Encoding.ASCII.GetBytes(lines.ToString()));
        _tiktoken = TiktokenTokenizer.Create(stream, _preTokenizer, null);
    }

    /// <inheritdoc/>
    public int HighestId { get; }

    /// <inheritdoc/>
    public void Encode(string segment, bool atStart, List<TokenRange> tokens)
    {
        (int Start, int End)[]? origin = null;
        string text = _normalizes ? Nfc.Normalize(segment, out origin) : segment;
        int first = tokens.Count;
        var ranks = new List<int>();
        foreach (var (offset, length) in _preTokenizer.PreTokenize(text.AsSpan()))
        {
            ranks.Clear();
            var piece = text.AsSpan(offset, length);
            if (length > LongPiece) MergeLong(piece, ranks);
            else ranks.AddRange(_tiktoken.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false));
            AddTokens(piece, offset, ranks, tokens);
        }
        if (origin is null) return;
        for (int i = first; i < tokens.Count; i++)
            tokens[i] = tokens[i] with { Start = origin[tokens[i].Start].Start, End = origin[tokens[i].End - 1].End };
    }

    /// <inheritdoc/>
    public int FindId(string piece) =>
        ByteAlphabet.TryDecode(piece) is { } bytes && _rankOfBytes.TryGetValue(bytes, out int rank) ? _idOfRank[rank] : -1;

    /// <inheritdoc/>
    public string? TextOf(int id) => _rankOfId.TryGetValue(id, out int rank) ? ByteAlphabet.Readable(_bytesOfRank[rank]) : null;

    /// <inheritdoc/>
    public void Describe(BinaryWriter writer)
    {
        writer.Write($"byte-level {_pattern} nfc={_normalizes}");
        for (int rank = 0; rank < _idOfRank.Length; rank++)
        {
            writer.Write(_idOfRank[rank]);
            writer.Write(_bytesOfRank[rank].Length);
            writer.Write(_bytesOfRank[rank]);
        }
    }

    private void MergeLong(ReadOnlySpan<char> piece, List<int> ranks)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        if (bytes.Length <= _longestToken && _rankOfBytes.TryGetValue(bytes, out int whole))
        {
            ranks.Add(whole);
            return;
        }
        var lookup = _rankOfBytes.GetAlternateLookup<ReadOnlySpan<byte>>();
        var symbols = new Symbol[bytes.Length];
        for (int i = 0; i < bytes.Length; i++) symbols[i] = new Symbol { Start = i, End = i + 1, Id = lookup[bytes.AsSpan(i, 1)] };
        PairMerger.Merge(symbols, new ByteRule(this, bytes));
        for (int i = 0; i >= 0; i = symbols[i].Next) ranks.Add(symbols[i].Id);
    }

    // A token holds bytes; the characters that it holds a part of are found by walking bytes and characters together.
    private void AddTokens(ReadOnlySpan<char> piece, int offset, List<int> ranks, List<TokenRange> tokens)
    {
        int charStart = 0, byteStart = 0, byteEnd = 0;
        foreach (int rank in ranks)
        {
            int begin = byteEnd;
            byteEnd += _bytesOfRank[rank].Length;
            int chars, bytes;
            while (byteStart + (bytes = Utf8Length(piece, charStart, out chars)) <= begin)
                (charStart, byteStart) = (charStart + chars, byteStart + bytes);
            int charEnd = charStart, reached = byteStart;
            while (reached < byteEnd)
            {
                reached += Utf8Length(piece, charEnd, out chars);
                charEnd += chars;
            }
            tokens.Add(new TokenRange(_idOfRank[rank], offset + charStart, offset + charEnd));
        }
    }

    private static int Utf8Length(ReadOnlySpan<char> text, int at, out int chars)
    {
        Rune.DecodeFromUtf16(text[at..], out var rune, out chars);
        return rune.Utf8SequenceLength;
    }

    private readonly struct ByteRule(ByteLevelEncoder encoder, byte[] bytes) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id)
        {
            rank = id = -1;
            if (right.End - left.Start > encoder._longestToken) return false;
            var lookup = encoder._rankOfBytes.GetAlternateLookup<ReadOnlySpan<byte>>();
            if (!lookup.TryGetValue(bytes.AsSpan(left.Start, right.End - left.Start), out rank)) return false;
            id = rank;
            return true;
        }
    }

    private sealed class ByteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByteComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] bytes) => GetHashCode(bytes.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> bytes)
        {
            var hash = new HashCode();
            hash.AddBytes(bytes);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
