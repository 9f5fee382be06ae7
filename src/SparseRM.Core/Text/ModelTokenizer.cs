using System.Security.Cryptography;
using SparseRM.Errors;
using SparseRM.Text.Bpe;

namespace SparseRM.Text;

/// <summary>A model's own tokenizer, read from its folder: byte-level BPE (Llama-3, Qwen2, Qwen3, GPT-2) or SentencePiece BPE (Llama-2,
/// Gemma). Thread-safe.</summary>
/// <remarks>
/// Files: <c>tokenizer.json</c>; where that is absent <c>tokenizer.model</c> (lines <c>base64 rank</c> are Llama-3's, a protobuf is
/// SentencePiece); beside
/// either <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c>. What these ask for and this class does
/// not do is refused by name.
/// <para>BOS: its text is <c>bos_token</c> of tokenizer_config.json, else of special_tokens_map.json, else what the vocabulary file names.
/// It is used if
/// <c>add_bos_token</c> says so; where that is absent, if the post-processor of tokenizer.json puts it first; where there is no
/// post-processor, if there is a BOS.</para>
/// </remarks>
public sealed class ModelTokenizer
{
    private readonly ISegmentEncoder _encoder;
    private readonly Dictionary<int, AddedToken> _marks;
    private readonly MarkFinder _finder;
    private readonly Lazy<string> _fingerprint;

    private ModelTokenizer(TokenizerParts parts, TokenizerConfig config, string folder)
    {
        _encoder = parts.Encoder;
        _marks = parts.Marks.ToDictionary(mark => mark.Id);
        _finder = new MarkFinder(parts.Marks);
        VocabularySize = Math.Max(_encoder.HighestId, parts.Marks.Count == 0 ? 0 : _marks.Keys.Max()) + 1;
        SpecialTokens = new SpecialTokenNames(config.Name("bos_token", parts.Names.Bos), config.Name("eos_token", parts.Names.Eos),
            config.Name("pad_token", null), config.Name("unk_token", null));
        BosId = Find("bos_token", SpecialTokens.Bos, config, folder);
        EosId = Find("eos_token", SpecialTokens.Eos, config, folder);
        UsesBos = BosId is not null && (config.AddsBos ?? parts.AddsBos ?? true);
        _fingerprint = new Lazy<string>(ComputeFingerprint);
    }

    /// <summary>Highest id plus one; the embedding must have at least as many rows.</summary>
    public int VocabularySize { get; }

    /// <summary>Id of the BOS token, or null where the tokenizer has none.</summary>
    public int? BosId { get; }

    /// <summary>Id of the EOS token, or null where the tokenizer has none.</summary>
    public int? EosId { get; }

    /// <summary>Text of the BOS token, or null where the tokenizer has none.</summary>
    public string? BosToken => SpecialTokens.Bos;

    /// <summary>Text of the EOS token, or null where the tokenizer has none.</summary>
    public string? EosToken => SpecialTokens.Eos;

    /// <summary>Texts of the special tokens, as chat templates take them.</summary>
    public SpecialTokenNames SpecialTokens { get; }

    /// <summary>Whether ids begin with a BOS (see the class's remarks).</summary>
    public bool UsesBos { get; }

    /// <summary>SHA-256, in hexadecimal, over all that determines ids: vocabulary, merges, settings, special tokens; not over paths or
    /// files.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Whether a folder has a tokenizer at all; <see cref="Load"/> tells whether it can be read.</summary>
    public static bool ExistsIn(string folder) =>
        new[] { "tokenizer.json", "tokenizer.model", "vocab.json" }.Any(name => File.Exists(Path.Combine(folder, name)));

    /// <summary>Reads the tokenizer of a folder.</summary>
    /// <exception cref="ModelFormatException">A file is missing or corrupt, or asks for what is not supported; names file and
    /// field.</exception>
    public static ModelTokenizer Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = TokenizerConfig.Read(folder);
        return new ModelTokenizer(TokenizerFolder.Read(folder, config), config, folder);
    }

    /// <summary>Ids of an already rendered text: special tokens spelled in it are tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addBos">True: exactly one BOS comes first where <see cref="UsesBos"/> (added, or several made one). False: ids are
    /// those of the text alone.</param>
    /// <exception cref="SparseRMException">The text has half of a surrogate pair, or a character for which the vocabulary has no
    /// token.</exception>
    public int[] Encode(string text, bool addBos = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var marks = new List<TokenRange>();
        _finder.Find(text, 0, text.Length, marks);
        var tokens = Encode(text, marks);
        if (addBos) KeepOneBos(tokens);
        return [.. tokens.Select(token => token.Id)];
    }

    /// <summary>Ids of a rendered dialogue: special tokens that the template wrote are tokens, what content spells is text. What lies
    /// between two special
    /// tokens is tokenized in one piece, across the borders of spans. Exactly one BOS where <see cref="UsesBos"/>.</summary>
    /// <exception cref="SparseRMException">As for a text.</exception>
    public EncodedDialogue Encode(RenderedDialogue dialogue)
    {
        ArgumentNullException.ThrowIfNull(dialogue);
        var marks = new List<TokenRange>();
        foreach (var span in dialogue.Spans)
            if (span.MessageIndex == TextSpan.Template) _finder.Find(dialogue.Text, span.Start, span.End, marks);
        var tokens = Encode(dialogue.Text, marks);
        KeepOneBos(tokens);
        int[] ids = [.. tokens.Select(token => token.Id)];
        var answer = dialogue.Spans.Where(span =>
            span.MessageIndex == dialogue.LastMessage && span.MessageIndex >= 0 && span.Length > 0).ToList();
        int start = ids.Length, end = ids.Length;
        if (answer.Count > 0)
        {
            int first = tokens.FindIndex(token => answer.Exists(span => token.Start < span.End && token.End > span.Start));
            int last = tokens.FindLastIndex(token => answer.Exists(span => token.Start < span.End && token.End > span.Start));
            if (first >= 0) (start, end) = (first, last + 1);
        }
        return new EncodedDialogue(ids, dialogue.Text, start, end);
    }

    /// <summary>Readable text of a token: blanks as spaces, bytes that are part of a character as <c>\xE2</c> or <c>&lt;0xE2&gt;</c>;
    /// <c>&lt;id 7&gt;</c> for an id without a token.</summary>
    public string TokenText(int id) => _marks.TryGetValue(id, out var mark) ? mark.Content : _encoder.TextOf(id) ?? $"<id {id}>";

    private List<TokenRange> Encode(string text, List<TokenRange> marks)
    {
        RefuseLoneSurrogates(text);
        var tokens = new List<TokenRange>(text.Length / 3 + 8);
        int at = 0;
        foreach (var mark in marks)
        {
            EncodeSegment(text, at, mark.Start, tokens);
            tokens.Add(mark);
            at = mark.End;
        }
        EncodeSegment(text, at, text.Length, tokens);
        return tokens;
    }

    private void EncodeSegment(string text, int start, int end, List<TokenRange> tokens)
    {
        if (start == end) return;
        int first = tokens.Count;
        _encoder.Encode(text[start..end], start == 0, tokens);
        if (start == 0) return;
        for (int i = first; i < tokens.Count; i++) tokens[i] = tokens[i] with
        {
            Start = tokens[i].Start + start,
            End = tokens[i].End + start
        };
    }

    private void KeepOneBos(List<TokenRange> tokens)
    {
        if (!UsesBos) return;
        int leading = 0;
        while (leading < tokens.Count && tokens[leading].Id == BosId) leading++;
        if (leading == 0) tokens.Insert(0, new TokenRange(BosId!.Value, 0, 0));
        else tokens.RemoveRange(1, leading - 1);
    }

    private static void RefuseLoneSurrogates(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
            else throw new SparseRMException($"character {i} of the text is half of a surrogate pair (U+{(int)text[i]:X4}), which no tokenizer can encode; mend the text");
        }
    }

    private int? Find(string field, string? token, TokenizerConfig config, string folder)
    {
        if (token is null) return null;
        int id = _marks.Values.FirstOrDefault(mark => mark.Content == token)?.Id ?? _encoder.FindId(token);
        if (id >= 0) return id;
        throw new ModelFormatException(config.Origin(field) ?? folder, $"{field} is '{token}', which is not in the vocabulary");
    }

    private string ComputeFingerprint()
    {
        using var hash = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        using (var writer = new BinaryWriter(stream))
        {
            _encoder.Describe(writer);
            foreach (var mark in _marks.Values.OrderBy(mark =>
                mark.Id)) writer.Write($"{mark.Id} {mark.Content} {mark.LeftStrip} {mark.RightStrip}");
            writer.Write($"bos {BosId} {UsesBos}");
        }
        return Convert.ToHexStringLower(hash.Hash!);
    }
}
