namespace SparseRM.Text.Bpe;

/// <summary>A token and the characters [Start, End) of the text that it holds a part of.</summary>
internal readonly record struct TokenRange(int Id, int Start, int End);

/// <summary>Turns text between added tokens into ids.</summary>
internal interface ISegmentEncoder
{
    /// <summary>Highest id that the vocabulary has.</summary>
    int HighestId { get; }

    /// <summary>Appends the tokens of the characters [start, end) of a text; <paramref name="zones"/> says where normalized marks are recognised.</summary>
    void Encode(string text, int start, int end, MarkZones zones, List<TokenRange> tokens);

    /// <summary>Id of a vocabulary entry by the text that it stands for in the files, or -1.</summary>
    int FindId(string piece);

    /// <summary>Readable text of an id, or null where the vocabulary has no such id.</summary>
    string? TextOf(int id);

    /// <summary>The bytes that an id stands for in a text, or null where the vocabulary has no such id.</summary>
    byte[]? BytesOf(int id);

    /// <summary>Whether a text gets a blank before it that is none of its own.</summary>
    bool PutsBlankFirst { get; }

    /// <summary>Writes all that determines ids, in one fixed order.</summary>
    void Describe(BinaryWriter writer);
}
