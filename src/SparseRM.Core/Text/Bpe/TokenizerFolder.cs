using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Finds and joins the tokenizer files of a model folder.</summary>
internal static class TokenizerFolder
{
    // Gemma's turn marks are plain user-defined pieces in its tokenizer.model, and special tokens in its tokenizer.json.
    private static readonly string[] s_turnMarks = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"];

    /// <summary>Reads tokenizer.json, or tokenizer.model where that is absent, and the config files beside it.</summary>
    public static TokenizerParts Read(string folder, TokenizerConfig config)
    {
        string json = Path.Combine(folder, "tokenizer.json"), model = Path.Combine(folder, "tokenizer.model");
        TokenizerParts parts;
        if (File.Exists(json)) parts = TokenizerJsonReader.Read(json);
        else if (File.Exists(model)) parts = ReadModel(model, config);
        else if (File.Exists(Path.Combine(folder, "vocab.json")))
            throw new ModelFormatException(folder,
                "has vocab.json and merges.txt but no tokenizer.json; save the tokenizer with transformers' fast tokenizer, which writes one");
        else throw new ModelFormatException(folder,
            "has neither tokenizer.json nor tokenizer.model; copy the tokenizer's files into the folder");
        AddedTokens.Join(parts.Marks, config.Added, parts.Encoder, Path.Combine(folder, "tokenizer_config.json"));
        return parts;
    }

    private static TokenizerParts ReadModel(string path, TokenizerConfig config)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(path, $"cannot be read ({error.Message})", error);
        }
        if (!TiktokenReader.Recognises(content))
            return SentencePieceReader.Read(path, content, piece => config.Special.Contains(piece) || s_turnMarks.Contains(piece));
        var parts = TiktokenReader.Read(path, content);
        // The list has no names for its special tokens: where the folder gives them (Llama-3 and 3.1 differ), those count.
        var ids = config.Added.Select(token => token.Id).ToHashSet();
        var contents = config.Added.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        parts.Marks.RemoveAll(token => ids.Contains(token.Id) || contents.Contains(token.Content));
        return parts;
    }
}
