using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads entries of added token lists, and joins lists of several files.</summary>
internal static class AddedTokens
{
    /// <summary>The flags of an entry whose id and content are known.</summary>
    public static AddedToken Read(JsonElement entry, int id, string content, string path)
    {
        if (entry.Flag("single_word", path) ?? false)
            throw new ModelFormatException(path, $"added token '{content}' has single_word, which is not supported");
        return new AddedToken(id, content, entry.Flag("special", path) ?? false, entry.Flag("lstrip", path) ?? false,
            entry.Flag("rstrip", path) ?? false);
    }

    /// <summary>Adds what a second file says to <paramref name="known"/>; a token or id that the two give differently is refused.</summary>
    public static void Join(List<AddedToken> known, IEnumerable<AddedToken> more, ISegmentEncoder encoder, string path)
    {
        var byContent = known.ToDictionary(token => token.Content, StringComparer.Ordinal);
        var byId = known.ToDictionary(token => token.Id);
        foreach (var token in more)
        {
            int existing = byContent.TryGetValue(token.Content, out var same) ? same.Id : encoder.FindId(token.Content);
            if (existing >= 0 && existing != token.Id)
                throw new ModelFormatException(path,
                    $"'{token.Content}' has id {token.Id} here and {existing} in the vocabulary; take both files from one place");
            if (same is not null || byId.ContainsKey(token.Id)) CheckSame(byId, token, path);
            else if (existing < 0 || token.Special)
            {
                known.Add(token);
                byContent.Add(token.Content, token);
                byId.Add(token.Id, token);
            }
        }
    }

    private static void CheckSame(Dictionary<int, AddedToken> byId, AddedToken token, string path)
    {
        if (byId.TryGetValue(token.Id, out var other) && other.Content != token.Content)
            throw new ModelFormatException(path,
                $"id {token.Id} is '{token.Content}' here and '{other.Content}' in the vocabulary; take both files from one place");
    }
}
