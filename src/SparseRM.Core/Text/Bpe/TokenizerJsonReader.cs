using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Text.Bpe;

/// <summary>Reads tokenizer.json (Hugging Face tokenizers) with a BPE model. What it does not know it refuses by name.</summary>
internal static class TokenizerJsonReader
{
    private const int MaxContent = 512;

    /// <summary>Reads and checks the file, and joins tokens that the files beside it add.</summary>
    public static TokenizerParts Read(string path, TokenizerConfig config)
    {
        var root = StrictJson.OpenObject(path, JsonMembers.MaxFileLength);
        var pipeline = TokenizerPipelineReader.Read(root, path);
        var added = ReadAddedTokens(root, path);
        var reader = new BpeModelReader(path, root.Member("model", JsonValueKind.Object, path) ?? throw new ModelFormatException(path, "has no 'model'"));
        RequireIds(added, reader, path);
        AddedTokens.Join(added, config, piece => reader.Vocabulary.GetValueOrDefault(piece, -1));
        var found = added.ConvertAll(token => (Token: token, Pattern: token.Normalized ? Normalized(pipeline, token.Content) : token.Content));
        var marks = added.Where(token => IsMark(token, pipeline)).Select(token => token.Id).ToHashSet();
        var special = found.Where(entry => entry.Token.Special && !entry.Token.SingleWord && entry.Pattern == entry.Token.Content
            && !entry.Pattern.Contains(TokenizerPipeline.Blank)).Select(entry => entry.Token.Id).ToHashSet();
        var byContent = added.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        var ends = PostProcessorReader.Read(root, text =>
            byContent.TryGetValue(text, out int id) ? id : reader.Vocabulary.GetValueOrDefault(text, -1), path);
        var encoder = new PipelineEncoder(pipeline, reader.Read(pipeline.IsByteLevel, special), found.FindAll(entry => entry.Token.Normalized), marks)
        {
            Pieces = added.FindAll(token => !marks.Contains(token.Id)),
        };
        return new TokenizerParts(encoder, added, marks, ends);
    }

    // Tokens that are not special are part of the text where the vocabulary is SentencePiece's (runs of newlines, of blanks, names of HTML), and are
    // written by templates where it is byte-level (<think>, <tool_call>) or where each is a border that is followed by another blank.
    private static bool IsMark(AddedToken token, TokenizerPipeline pipeline) =>
        token.Special || token.LeftStrip || token.RightStrip || pipeline.IsByteLevel
        || pipeline.Steps.Exists(step => step.StartsWith("prepend ", StringComparison.Ordinal)
            || (step.StartsWith("metaspace ", StringComparison.Ordinal) && step.Contains($" {PrependScheme.Always} ", StringComparison.Ordinal)));

    private static string Normalized(TokenizerPipeline pipeline, string content) => pipeline.Normalize(AlignedText.Of(content, 0, content.Length)).Text;

    private static List<AddedToken> ReadAddedTokens(JsonElement root, string path)
    {
        var added = new List<AddedToken>();
        var ids = new HashSet<int>();
        var contents = new HashSet<string>(StringComparer.Ordinal);
        if (root.Member("added_tokens", JsonValueKind.Array, path) is not { } tokens) return added;
        foreach (var entry in tokens.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object || entry.Text("content", path) is not { Length: > 0 } content)
                throw new ModelFormatException(path, $"added_tokens holds an entry without content: {JsonMembers.Shown(entry)}");
            if (content.Length > MaxContent)
                throw new ModelFormatException(path, $"added_tokens holds a token of {content.Length} characters, at most {MaxContent} are supported");
            if (!entry.TryGet("id", out var id)) throw new ModelFormatException(path, $"added token '{content}' has no id");
            var token = AddedTokens.Read(entry, JsonMembers.Id(id, content, path), content, path);
            if (!ids.Add(token.Id)) throw new ModelFormatException(path, $"added_tokens gives id {token.Id} twice, once to '{content}'");
            if (!contents.Add(content)) throw new ModelFormatException(path, $"added_tokens has '{content}' twice");
            added.Add(token);
        }
        return added;
    }

    // Hugging Face's tokenizers do not read the ids of added tokens: one that is in the vocabulary has its id there, others count on from its size.
    private static void RequireIds(List<AddedToken> added, BpeModelReader reader, string path)
    {
        var vocabulary = reader.Vocabulary;
        int next = vocabulary.Count;
        foreach (var token in added)
        {
            bool isKnown = vocabulary.TryGetValue(token.Content, out int id);
            if (!isKnown) id = next;
            if (id != token.Id)
                throw new ModelFormatException(path, isKnown ? $"'{token.Content}' has id {token.Id} in added_tokens and {id} in the vocab"
                    : $"added token '{token.Content}' has id {token.Id}, but Hugging Face's tokenizers give it {id}, the next one; save the tokenizer again so that ids have no gaps");
            if (!isKnown && reader.Ids.Contains(id))
                throw new ModelFormatException(path, $"added token '{token.Content}' has id {id}, which is '{vocabulary.First(entry => entry.Value == id).Key}' in the vocab");
            next = Math.Max(next, id + 1);
        }
    }
}
