using System.Buffers.Text;
using System.Globalization;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads Llama-3's tokenizer.model: a line <c>base64 rank</c> per token; 256 special tokens follow the ranks.</summary>
internal static class TiktokenReader
{
    private const int Reserved = 256;

    // Llama-3.1's names; Llama-3 called 128004, 128005, 128008 and 128010 reserved too.
    private static readonly Dictionary<int, string> s_names = new()
    {
        [0] = "<|begin_of_text|>", [1] = "<|end_of_text|>", [4] = "<|finetune_right_pad_id|>", [6] = "<|start_header_id|>",
        [7] = "<|end_header_id|>", [8] = "<|eom_id|>", [9] = "<|eot_id|>", [10] = "<|python_tag|>",
    };

    /// <summary>Whether the file begins as such a list does.</summary>
    public static bool Recognises(ReadOnlySpan<byte> content)
    {
        int end = content.IndexOf((byte)'\n');
        var line = end < 0 ? content : content[..end];
        int space = line.IndexOf((byte)' ');
        return space > 0 && space + 1 < line.Length && char.IsAsciiDigit((char)line[space + 1]) && Base64.IsValid(line[..space]);
    }

    /// <summary>Reads and checks the file.</summary>
    public static TokenizerParts Read(string path, byte[] content)
    {
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in Encoding.Latin1.GetString(content).Split('\n'))
        {
            if (line.Length == 0) continue;
            string[] parts = line.TrimEnd('\r').Split(' ');
            if (parts.Length != 2 || parts[0].Length == 0 || !Base64.IsValid(parts[0])
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rank) || rank != tokens.Count)
                throw new ModelFormatException(path, $"line {tokens.Count + 1} is not 'base64 {tokens.Count}'");
            if (!tokens.TryAdd(ByteAlphabet.Spell(Convert.FromBase64String(parts[0])), rank)) throw new ModelFormatException(path, $"line {tokens.Count + 1} repeats a token");
        }
        int bytes = tokens.Keys.Count(token => token.Length == 1);
        if (bytes != 256) throw new ModelFormatException(path, $"has {bytes} tokens of one byte, expected 256");
        var marks = new List<AddedToken>();
        int unnamed = 0;
        for (int i = 0; i < Reserved; i++)
            marks.Add(new AddedToken(tokens.Count + i, s_names.TryGetValue(i, out string? name) ? name
                : $"<|reserved_special_token_{unnamed++}|>", Special: true));
        return new TokenizerParts(Encoder(tokens, path), marks, [.. marks.Select(mark => mark.Id)], new TextEnds(s_names[0], s_names[1], true, null));
    }

    // A piece that is a token is that token; in others the two neighbours merge that make the token of lowest rank.
    private static PipelineEncoder Encoder(Dictionary<string, int> vocabulary, string path)
    {
        var pipeline = new TokenizerPipeline();
        pipeline.AddSplit($"regex {TokenizerDescription.Llama3Regex}", new SplitRegex(TokenizerDescription.Llama3Regex, path).Find, SplitBehavior.Isolated, false);
        pipeline.AddBytes(prefix: false, regex: null);
        // Only the fingerprint asks for the merges.
        var model = new BpeModel(vocabulary, new(() => PieceMerges.Of(vocabulary, vocabulary.Select(entry => (entry.Key, entry.Value, entry.Value)), path)))
        {
            IdsAreRanks = true,
            TakesWholePieces = true,
            Special = [],
        };
        return new PipelineEncoder(pipeline, model, [], []) { Pieces = [] };
    }
}
