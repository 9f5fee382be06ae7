using SparseRM.Errors;
using SparseRM.Weights;

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
        if (File.Exists(json)) return TokenizerJsonReader.Read(json, config);
        if (File.Exists(model)) return ReadModel(model, config);
        if (File.Exists(Path.Combine(folder, "vocab.json")))
            throw new ModelFormatException(folder,
                "has vocab.json and merges.txt but no tokenizer.json; save the tokenizer with transformers' fast tokenizer, which writes one");
        throw new ModelFormatException(folder,
            "has neither tokenizer.json nor tokenizer.model; copy the tokenizer's files into the folder");
    }

    private static TokenizerParts ReadModel(string path, TokenizerConfig config)
    {
        byte[] content = InputFile.ReadAll(path, JsonMembers.MaxFileLength);
        bool isRanks = TiktokenReader.Recognises(content);
        var parts = isRanks ? TiktokenReader.Read(path, content)
            : SentencePieceReader.Read(path, content, piece => config.Special.Contains(piece) || s_turnMarks.Contains(piece));
        if (isRanks)
        {
            // The list has no names for its special tokens: where the folder gives them (Llama-3 and 3.1 differ), those count.
            var ids = config.Added.Select(entry => entry.Token.Id).ToHashSet();
            var contents = config.Added.Select(entry => entry.Token.Content).ToHashSet(StringComparer.Ordinal);
            parts.Added.RemoveAll(token => ids.Contains(token.Id) || contents.Contains(token.Content));
        }
        AddedTokens.Join(parts.Added, config, parts.Encoder.FindId);
        parts.Marks.UnionWith(parts.Added.Select(token => token.Id));
        return parts;
    }
}
