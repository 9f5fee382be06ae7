using System.Security.Cryptography;
using System.Text;
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
    private readonly Dictionary<int, AddedToken> _added;
    private readonly HashSet<int> _marks;
    private readonly AddedTokenFinder _finder;
    private readonly Lazy<string> _fingerprint;

    private ModelTokenizer(TokenizerParts parts, TokenizerConfig config, string folder)
    {
        _encoder = parts.Encoder;
        _added = parts.Added.ToDictionary(token => token.Id);
        _marks = parts.Marks;
        _finder = new AddedTokenFinder(parts.Added.Where(token => !token.Normalized).Select(token => (token, token.Content)), parts.Marks);
        VocabularySize = Math.Max(_encoder.HighestId, _added.Keys.DefaultIfEmpty(0).Max()) + 1;
        SpecialTokens = new SpecialTokenNames(config.Name("bos_token", parts.Ends.Bos), config.Name("eos_token", parts.Ends.Eos),
            config.Name("pad_token", null), config.Name("unk_token", null));
        BosId = Find("bos_token", SpecialTokens.Bos, config, folder);
        EosId = Find("eos_token", SpecialTokens.Eos, config, folder);
        UsesBos = BosId is not null && (config.AddsBos ?? parts.Ends.AddsBos ?? true);
        if (UsesBos && config.AddsBos is null && parts.Ends is { AddsBos: true, Bos: { } first } && first != SpecialTokens.Bos)
            throw new ModelFormatException(config.Origin("bos_token") ?? folder,
                $"bos_token is '{SpecialTokens.Bos}', but the post_processor of tokenizer.json puts '{first}' first; make the two agree, or say add_bos_token");
        AddsEos = config.AddsEos ?? parts.Ends.AddsEos ?? false;
        LastId = config.AddsEos is null && parts.Ends is { AddsEos: true, Eos: { } last } ? Find("eos_token", last, config, folder) : EosId;
        _fingerprint = new Lazy<string>(ComputeFingerprint);
    }

    /// <summary>Highest id plus one; the embedding must have at least as many rows.</summary>
    public int VocabularySize { get; }

    /// <summary>Id of the BOS token, or null where the tokenizer has none.</summary>
    public int? BosId { get; }

    /// <summary>Id of the EOS token, or null where the tokenizer has none.</summary>
    public int? EosId { get; }

    /// <summary>Whether the files say that an EOS is put last (<c>add_eos_token</c>, else the post-processor). Texts get one only where it is asked for:
    /// a read-out of the last token would otherwise read the EOS.</summary>
    public bool AddsEos { get; }

    /// <summary>Id of the token that is put last where it is asked for: the post-processor's, else the EOS; null where there is none.</summary>
    public int? LastId { get; }

    /// <summary>What a user should know who gives rendered texts, in one sentence; null for nothing.</summary>
    public string? Note => AddsEos && LastId is { } id
        ? $"the tokenizer's files put '{TokenText(id)}' after a text; texts are read without it unless the option add EOS is set" : null;

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
    /// <param name="addEos">True: exactly one EOS (<see cref="LastId"/>) comes last, whatever <see cref="AddsEos"/> says.</param>
    /// <exception cref="SparseRMException">The text has half of a surrogate pair, or a character for which the vocabulary has no
    /// token; an EOS is asked for that the tokenizer has not.</exception>
    public int[] Encode(string text, bool addBos = true, bool addEos = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = Encode(text, MarkZones.Everywhere);
        if (addBos) KeepOneBos(tokens);
        if (addEos) KeepOneEos(tokens, text.Length);
        return Ids(tokens);
    }

    /// <summary>Ids of a rendered dialogue: special tokens that the template wrote are tokens, what content spells is text. What lies
    /// between two special
    /// tokens is tokenized in one piece, across the borders of spans. Exactly one BOS where <see cref="UsesBos"/>.</summary>
    /// <exception cref="SparseRMException">As for a text.</exception>
    public EncodedDialogue Encode(RenderedDialogue dialogue)
    {
        ArgumentNullException.ThrowIfNull(dialogue);
        var tokens = Encode(dialogue.Text, MarkZones.Of(dialogue));
        KeepOneBos(tokens);
        var answer = new List<TextSpan>();
        foreach (var span in dialogue.Spans)
            if (span.MessageIndex == dialogue.LastMessage && span.MessageIndex >= 0 && span.Length > 0) answer.Add(span);
        int start = 0, end = tokens.Count;
        while (start < end && !HoldsAnyOf(answer, tokens[start])) start++;
        if (start < end)
            while (!HoldsAnyOf(answer, tokens[end - 1])) end--;
        return new EncodedDialogue(Ids(tokens), dialogue.Text, start, end);
    }

    /// <summary>Readable text of a token: blanks as spaces, bytes that are part of a character as <c>\xE2</c> or <c>&lt;0xE2&gt;</c>;
    /// <c>&lt;id 7&gt;</c> for an id without a token.</summary>
    public string TokenText(int id) =>
        _marks.Contains(id) ? _added[id].Content : _encoder.TextOf(id) ?? (_added.TryGetValue(id, out var token) ? token.Content : $"<id {id}>");

    /// <summary>Whether an id is not text: the BOS, the EOS, or a mark such as those that a chat template writes.</summary>
    public bool IsSpecial(int id) => id == BosId || id == EosId || _marks.Contains(id);

    /// <summary>This tokenizer for .NET code that takes Microsoft.ML's: ids of texts alone, without BOS and EOS; special tokens spelled in them are tokens.</summary>
    public Microsoft.ML.Tokenizers.Tokenizer AsTokenizer() => new TokenizerAdapter(this);

    /// <summary>The tokens of a text alone, with the characters that each holds a part of.</summary>
    internal List<TokenRange> EncodeRanges(string text) => Encode(text, MarkZones.Everywhere);

    /// <summary>The bytes that an id stands for, or null for an id without a token.</summary>
    internal byte[]? BytesOf(int id) =>
        _marks.Contains(id) ? Encoding.UTF8.GetBytes(_added[id].Content)
        : _encoder.BytesOf(id) ?? (_added.TryGetValue(id, out var token) ? Encoding.UTF8.GetBytes(token.Content) : null);

    /// <summary>Whether a blank with which the first token of a text begins may be one that the tokenizer put there.</summary>
    internal bool BeginsWithPutBlank(int id) => _encoder.PutsBlankFirst && !_marks.Contains(id);

    private List<TokenRange> Encode(string text, MarkZones zones)
    {
        RefuseLoneSurrogates(text);
        var tokens = new List<TokenRange>(text.Length / 3 + 8);
        int at = 0;
        foreach (var found in _finder.Find(AlignedText.Of(text, 0, text.Length), zones))
        {
            if (at < found.From) _encoder.Encode(text, at, found.From, zones, tokens);
            tokens.Add(new TokenRange(found.Id, found.Start, found.End));
            at = found.To;
        }
        _encoder.Encode(text, at, text.Length, zones, tokens);
        return tokens;
    }

    private static bool HoldsAnyOf(List<TextSpan> spans, TokenRange token)
    {
        foreach (var span in spans)
            if (token.Start < span.End && token.End > span.Start) return true;
        return false;
    }

    private static int[] Ids(List<TokenRange> tokens)
    {
        int[] ids = new int[tokens.Count];
        for (int i = 0; i < ids.Length; i++) ids[i] = tokens[i].Id;
        return ids;
    }

    private void KeepOneBos(List<TokenRange> tokens)
    {
        if (!UsesBos) return;
        int leading = 0;
        while (leading < tokens.Count && tokens[leading].Id == BosId) leading++;
        if (leading == 0) tokens.Insert(0, new TokenRange(BosId!.Value, 0, 0));
        else tokens.RemoveRange(1, leading - 1);
    }

    private void KeepOneEos(List<TokenRange> tokens, int end)
    {
        if (LastId is not { } id) throw new SparseRMException("the tokenizer has no EOS token to put last; leave the option add EOS out");
        int trailing = 0;
        while (trailing < tokens.Count && tokens[^(trailing + 1)].Id == id) trailing++;
        tokens.RemoveRange(tokens.Count - trailing, trailing);
        tokens.Add(new TokenRange(id, end, end));
    }

    private static void RefuseLoneSurrogates(string text)
    {
        int first = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        for (int i = first < 0 ? text.Length : first; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
            else throw new SparseRMException($"character {i} of the text is half of a surrogate pair (U+{(int)text[i]:X4}), which no tokenizer can encode; mend the text");
        }
    }

    private int? Find(string field, string? token, TokenizerConfig config, string folder)
    {
        if (token is null) return null;
        int id = _added.Values.FirstOrDefault(added => added.Content == token)?.Id ?? _encoder.FindId(token);
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
            foreach (var mark in _added.Values.Where(token => _marks.Contains(token.Id)).OrderBy(token => token.Id))
                writer.Write($"{mark.Id} {mark.Content} {mark.LeftStrip} {mark.RightStrip}");
            foreach (var token in _added.Values.Where(token => token.SingleWord).OrderBy(token => token.Id)) writer.Write($"single word {token.Id}");
            writer.Write($"bos {BosId} {UsesBos}");
        }
        return Convert.ToHexStringLower(hash.Hash!);
    }
}
