using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads entries of added token lists, and joins lists of several files.</summary>
internal static class AddedTokens
{
    /// <summary>The flags of an entry whose id and content are known.</summary>
    public static AddedToken Read(JsonElement entry, int id, string content, string path)
    {
        bool isSpecial = entry.Flag("special", path) ?? false;
        return new AddedToken(id, content, isSpecial)
        {
            LeftStrip = entry.Flag("lstrip", path) ?? false,
            RightStrip = entry.Flag("rstrip", path) ?? false,
            SingleWord = entry.Flag("single_word", path) ?? false,
            Normalized = entry.Flag("normalized", path) ?? !isSpecial,
        };
    }

    /// <summary>Adds what the files beside a vocabulary say to <paramref name="known"/>; a token or id that the two give differently is refused.
    /// <paramref name="findId"/> gives the id of a piece of the vocabulary, or -1.</summary>
    public static void Join(List<AddedToken> known, TokenizerConfig config, Func<string, int> findId)
    {
        var byContent = known.ToDictionary(token => token.Content, StringComparer.Ordinal);
        var byId = known.ToDictionary(token => token.Id);
        foreach (var (token, path) in config.Added)
        {
            int existing = byContent.TryGetValue(token.Content, out var same) ? same.Id : findId(token.Content);
            if (existing >= 0 && existing != token.Id)
                throw new ModelFormatException(path,
                    $"'{token.Content}' has id {token.Id} here and {existing} in the vocabulary; take both files from one place");
            if (byId.TryGetValue(token.Id, out var other) && other.Content != token.Content)
                throw new ModelFormatException(path,
                    $"id {token.Id} is '{token.Content}' here and '{other.Content}' in the vocabulary; take both files from one place");
            if (same is not null || (existing >= 0 && !token.Special)) continue;
            known.Add(token);
            byContent.Add(token.Content, token);
            byId.Add(token.Id, token);
        }
    }
}
