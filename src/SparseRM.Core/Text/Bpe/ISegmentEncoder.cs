namespace SparseRM.Text.Bpe;

/// <summary>A token and the characters [Start, End) of its segment that it holds a part of.</summary>
internal readonly record struct TokenRange(int Id, int Start, int End);

/// <summary>Turns text without special tokens into ids.</summary>
internal interface ISegmentEncoder
{
    /// <summary>Highest id that the vocabulary has.</summary>
    int HighestId { get; }

    /// <summary>Appends the tokens of a segment; <paramref name="atStart"/> says that it begins the text.</summary>
    void Encode(string segment, bool atStart, List<TokenRange> tokens);

    /// <summary>Id of a vocabulary entry by the text that it stands for in the files, or -1.</summary>
    int FindId(string piece);

    /// <summary>Readable text of an id, or null where the vocabulary has no such id.</summary>
    string? TextOf(int id);

    /// <summary>Writes all that determines ids, in one fixed order.</summary>
    void Describe(BinaryWriter writer);
}
