using SparseRM.Text;

namespace SparseRM.Engine;

/// <summary>Where sentences and steps of an answer end, by the texts of its tokens.</summary>
internal static class AnswerParts
{
    /// <summary>Whether a part ends with a token that is not the last.</summary>
    /// <param name="parts">Which parts.</param>
    /// <param name="ids">The input.</param>
    /// <param name="position">The token.</param>
    /// <param name="tokenizer">Null where there is none: then only single tokens can be told.</param>
    public static bool EndsAt(PerToken parts, ReadOnlySpan<int> ids, int position, ModelTokenizer? tokenizer)
    {
        if (parts == PerToken.Token) return true;
        if (tokenizer is null) return false;
        string text = tokenizer.TokenText(ids[position]), next = tokenizer.TokenText(ids[position + 1]);
        if (parts == PerToken.Step) return text.Contains('\n') && !next.StartsWith('\n');
        return EndsInMark(text) && StartsAnew(next);
    }

    private static bool EndsInMark(string text) => text.TrimEnd('"', '\'', ')', '”', '’') is [.., '.' or '!' or '?' or '…' or '。' or '！' or '？'];

    // A blank as text, or as SentencePiece and byte-level vocabularies write it.
    private static bool StartsAnew(string next) => next is [' ' or '\n' or '\u2581' or '\u0120' or '\u010A', ..] || next.StartsWith('<');
}
