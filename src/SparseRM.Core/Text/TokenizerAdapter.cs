using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using SparseRM.Text.Bpe;

namespace SparseRM.Text;

/// <summary>A <see cref="ModelTokenizer"/> as a <see cref="Tokenizer"/> of Microsoft.ML: texts alone, without BOS and EOS. Offsets are those of the given
/// text, which is never handed back normalized. Thread-safe.</summary>
/// <remarks>Normalizers and pre-tokenizers belong to the model: to leave them out is refused. A limit of tokens never cuts a character in two: of tokens
/// that hold parts of one character all are taken or none.</remarks>
internal sealed class TokenizerAdapter(ModelTokenizer tokenizer) : Tokenizer
{
    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        foreach (int id in ids)
            bytes.AddRange(Bytes(id, bytes.Count == 0)
                ?? throw new ArgumentOutOfRangeException(nameof(ids), id, "the tokenizer has no token of this id; give ids that it made"));
        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = charsWritten = 0;
        var open = new List<byte>();
        int index = 0;
        foreach (int id in ids)
        {
            if (Bytes(id, index++ == 0) is not { } bytes) return OperationStatus.InvalidData;
            open.AddRange(bytes);
            // Bytes that begin a character wait for those that end it.
            if (EndsInsideCharacter(open)) continue;
            if (!Encoding.UTF8.TryGetChars([.. open], destination[charsWritten..], out int chars)) return OperationStatus.DestinationTooSmall;
            (idsConsumed, charsWritten) = (index, charsWritten + chars);
            open.Clear();
        }
        if (!Encoding.UTF8.TryGetChars([.. open], destination[charsWritten..], out int last)) return OperationStatus.DestinationTooSmall;
        (idsConsumed, charsWritten) = (index, charsWritten + last);
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        var tokens = Ranges(text, settings);
        int count = Leading(tokens, settings.MaxTokenCount);
        return new EncodeResults<EncodedToken>
        {
            Tokens = [.. tokens.Take(count).Select(token => new EncodedToken(token.Id, tokenizer.TokenText(token.Id), token.Start..token.End))],
            CharsConsumed = LeadingCharacters(tokens, count, text),
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        var tokens = Ranges(text, settings);
        int count = Leading(tokens, settings.MaxTokenCount);
        return new EncodeResults<int> { Tokens = [.. tokens.Take(count).Select(token => token.Id)], CharsConsumed = LeadingCharacters(tokens, count, text) };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        Leading(Ranges(text ?? textSpan.ToString(), settings), settings.MaxTokenCount);

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd,
        out string? normalizedText, out int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount, nameof(settings));
        text ??= textSpan.ToString();
        normalizedText = null;
        var tokens = Ranges(text, settings);
        if (!fromEnd)
        {
            tokenCount = Leading(tokens, settings.MaxTokenCount);
            return LeadingCharacters(tokens, tokenCount, text);
        }
        int first = Math.Max(0, tokens.Count - settings.MaxTokenCount);
        while (Splits(tokens, first)) first++;
        tokenCount = tokens.Count - first;
        return first == 0 ? 0 : first == tokens.Count ? text.Length : tokens[first].Start;
    }

    private List<TokenRange> Ranges(string text, EncodeSettings settings) =>
        settings.ConsiderNormalization && settings.ConsiderPreTokenization ? tokenizer.EncodeRanges(text)
            : throw new NotSupportedException("the model's normalizers and pre-tokenizers determine its ids and cannot be left out; ask for both");

    private static int Leading(List<TokenRange> tokens, int limit)
    {
        int count = Math.Min(tokens.Count, limit);
        while (Splits(tokens, count)) count--;
        return count;
    }

    private static int LeadingCharacters(List<TokenRange> tokens, int count, string text) =>
        count == tokens.Count ? text.Length : count == 0 ? 0 : tokens[count - 1].End;

    private static bool Splits(List<TokenRange> tokens, int at) => at > 0 && at < tokens.Count && tokens[at].Start < tokens[at - 1].End;

    private byte[]? Bytes(int id, bool isFirst) =>
        tokenizer.BytesOf(id) is { } bytes ? isFirst && bytes is [(byte)' ', ..] && tokenizer.BeginsWithPutBlank(id) ? bytes[1..] : bytes : null;

    private static bool EndsInsideCharacter(List<byte> bytes)
    {
        int start = bytes.FindLastIndex(b => (b & 0xC0) != 0x80);
        if (start < 0 || bytes.Count - start > 3) return false;
        return Rune.DecodeFromUtf8([.. bytes.Skip(start)], out _, out _) == OperationStatus.NeedMoreData;
    }
}
