namespace SparseRM.Text.Bpe;

/// <summary>A token outside the merges: special tokens and user-defined pieces.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Whether the file calls it special.</param>
internal sealed record AddedToken(int Id, string Content, bool Special)
{
    /// <summary>It swallows the blanks before it.</summary>
    public bool LeftStrip { get; init; }

    /// <summary>It swallows the blanks after it.</summary>
    public bool RightStrip { get; init; }

    /// <summary>It is found only between characters that belong to no word.</summary>
    public bool SingleWord { get; init; }

    /// <summary>It is found in the normalized text, by its own normalized content.</summary>
    public bool Normalized { get; init; }
}

/// <summary>What a vocabulary file gives.</summary>
/// <param name="Encoder">Encodes what lies between the tokens of <paramref name="Added"/> that are not normalized.</param>
/// <param name="Added">Tokens outside the merges.</param>
/// <param name="Marks">Ids of those that are recognised in templates and raw text, and are text in the content of messages.</param>
/// <param name="Ends">What the file says is put around a text.</param>
internal sealed record TokenizerParts(ISegmentEncoder Encoder, List<AddedToken> Added, HashSet<int> Marks, TextEnds Ends);

/// <summary>What a file says is put around a text.</summary>
/// <param name="Bos">The token that is put first, or is only named as the BOS; null for none.</param>
/// <param name="Eos">The token that is put last, or is only named as the EOS; null for none.</param>
/// <param name="AddsBos">Whether a BOS is put first; null where the file does not say.</param>
/// <param name="AddsEos">Whether an EOS is put last; null where the file does not say.</param>
internal sealed record TextEnds(string? Bos, string? Eos, bool? AddsBos, bool? AddsEos);
