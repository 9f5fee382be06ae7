namespace SparseRM.Text.Bpe;

/// <summary>Where the blank goes that SentencePiece puts before a text.</summary>
internal enum DummyPrefix
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>Before the segment that begins the text.</summary>
    First,

    /// <summary>Before every segment.</summary>
    Always,
}

/// <summary>Vocabulary, merges and settings of a SentencePiece BPE, from tokenizer.model or tokenizer.json.</summary>
internal sealed class SentencePieceModel
{
    /// <summary>Id of each piece that text can become.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>Rank and result of merging two ids; key is <c>left &lt;&lt; 32 | right</c>.</summary>
    public required Dictionary<long, (int Rank, int Id)> Merges { get; init; }

    /// <summary>Pieces that are matched before any merge, longest first, in the escaped alphabet.</summary>
    public required List<AddedToken> UserDefined { get; init; }

    /// <summary>Id of the token of each byte, or null without byte fallback.</summary>
    public required int[]? ByteIds { get; init; }

    /// <summary>Id for characters that nothing else covers, or null where there is none.</summary>
    public required int? UnknownId { get; init; }

    /// <summary>Whether a run of unknown characters is one token.</summary>
    public required bool FusesUnknown { get; init; }

    /// <summary>Whether spaces are written as U+2581.</summary>
    public required bool EscapesSpaces { get; init; }

    /// <summary>The blank before the text.</summary>
    public required DummyPrefix Prefix { get; init; }

    /// <summary>Key of <see cref="Merges"/>.</summary>
    public static long Key(int left, int right) => (long)left << 32 | (uint)right;
}
