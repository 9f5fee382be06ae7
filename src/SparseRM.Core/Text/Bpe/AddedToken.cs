namespace SparseRM.Text.Bpe;

/// <summary>A token outside the merges: special tokens and user-defined pieces.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Whether the file calls it special.</param>
/// <param name="LeftStrip">It swallows the blanks before it.</param>
/// <param name="RightStrip">It swallows the blanks after it.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool LeftStrip = false, bool RightStrip = false);

/// <summary>What a vocabulary file gives.</summary>
/// <param name="Encoder">Encodes what lies between marks.</param>
/// <param name="Marks">Tokens that are recognised in templates and raw text, and are text in the content of messages.</param>
/// <param name="AddsBos">Whether the file says that a BOS is put first; null where it does not say.</param>
/// <param name="Names">Special tokens that the file itself names.</param>
internal sealed record TokenizerParts(ISegmentEncoder Encoder, List<AddedToken> Marks, bool? AddsBos, SpecialTokenNames Names);
