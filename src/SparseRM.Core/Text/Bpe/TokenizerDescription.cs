namespace SparseRM.Text.Bpe;

/// <summary>Writes all that determines ids, for a tokenizer's fingerprint.</summary>
/// <remarks>The families' own pipelines keep the words under which reward files and caches know them.</remarks>
internal static class TokenizerDescription
{
    private const string Llama3Start = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}";
    private const string Llama3End = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Llama-3's regular expression.</summary>
    public const string Llama3Regex = Llama3Start + "{1,3}" + Llama3End;

    private static readonly Dictionary<string, string> s_families = new(StringComparer.Ordinal)
    {
        [Llama3Regex] = "Llama3",
        [Llama3Start + Llama3End] = "Qwen2",
        [TokenizerPipelineReader.Gpt2Regex] = "Gpt2",
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = "Gpt2",
    };

    /// <summary>Writes pipeline, vocabulary, merges and pieces in one fixed order.</summary>
    public static void Write(BinaryWriter writer, TokenizerPipeline pipeline, BpeModel model, List<AddedToken> pieces)
    {
        if (pipeline.IsByteLevel)
        {
            writer.Write(ByteLevelName(pipeline.Steps) ?? $"byte-level {string.Join('\n', pipeline.Steps)}");
            WriteRanks(writer, model);
            return;
        }
        writer.Write($"sentencepiece {SentencePieceName(pipeline.Steps) ?? string.Join('\n', pipeline.Steps)} unknown={model.UnknownId} fuse={model.FusesUnknown}");
        if (model.TakesWholePieces) writer.Write("whole pieces");
        foreach (var (piece, id) in model.Vocabulary.OrderBy(entry => entry.Value).ThenBy(entry => entry.Key, StringComparer.Ordinal))
        {
            writer.Write(piece);
            writer.Write(id);
        }
        foreach (var token in pieces.OrderBy(token => token.Id))
        {
            writer.Write(token.Content);
            writer.Write(token.Id);
        }
        foreach (int id in model.ByteIds ?? []) writer.Write(id);
        foreach (var (pair, merge) in model.Merges.OrderBy(entry => entry.Value.Rank).ThenBy(entry => entry.Key))
        {
            writer.Write(pair);
            writer.Write(merge.Rank);
        }
    }

    private static string? ByteLevelName(List<string> steps)
    {
        bool composes = steps[0] == "nfc";
        List<string> rest = composes ? steps[1..] : steps;
        string? family = rest switch
        {
            ["bytes"] => "Gpt2",
            [var split, "bytes whole"] => s_families.FirstOrDefault(entry => split == $"split regex {entry.Key} Isolated False").Value,
            _ => null,
        };
        return family is null ? null : $"byte-level {family} nfc={composes}";
    }

    private static string? SentencePieceName(List<string> steps)
    {
        var (prefix, escapes) = ("None", false);
        foreach (string step in steps)
            switch (step)
            {
                case "prepend \u2581":
                    prefix = "Always";
                    break;
                case "replace   \u2581" or "metaspace \u2581 Never False":
                    escapes = true;
                    break;
                // Splits nothing once spaces are replaced.
                case var _ when escapes && step.StartsWith("split text   ", StringComparison.Ordinal):
                    break;
                default:
                    return null;
            }
        return $"prefix={prefix} escape={escapes}";
    }

    // Single bytes, results of merges, pieces that only stand whole: each once, with its id and bytes.
    private static void WriteRanks(BinaryWriter writer, BpeModel model)
    {
        var written = new HashSet<int>();
        var byId = model.Vocabulary.OrderBy(entry => entry.Value).Select(entry => entry.Value).ToList();
        var ranked = byId.Where(id => model.PieceOf(id)!.Length == 1)
            .Concat(model.Merges.Values.OrderBy(merge => merge.Rank).Select(merge => merge.Id))
            .Concat(model.TakesWholePieces ? byId : []);
        foreach (int id in ranked)
        {
            if (ByteAlphabet.TryDecode(model.PieceOf(id)!) is not { Length: > 0 } bytes || !written.Add(id)) continue;
            writer.Write(id);
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }
}
