using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

/// <summary>Tokenizer files and texts that took time, memory or stack without a bound.</summary>
public class HostileTokenizerTests
{
    private const string Bpe = """
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "unk_token": "a"}
        """;

    [Fact]
    public void Merges_of_a_sentencepiece_piece_of_a_megabyte_take_linear_time()
    {
        string piece = string.Concat(Enumerable.Repeat("ab", 500_000));
        var watch = Stopwatch.StartNew();
        var tokenizer = SentencePiece("a", "b", "ab", piece[..^2], piece);
        // It took 107 seconds; this bound only tells the two apart.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
        Assert.Equal([5, 4], tokenizer.Encode("abb", addBos: false));
        // No two neighbours make the long pieces: the shorter of them is made by no merge itself.
        Assert.Equal(Enumerable.Repeat(5, 500_000), tokenizer.Encode(piece, addBos: false));
    }

    [Fact]
    public void Pieces_that_spell_each_other_in_too_many_ways_are_refused()
    {
        string[] pieces = [.. Enumerable.Range(1, 3000).Select(length => new string('a', length))];
        Assert.Contains("more than 4194304 ways", Assert.Throws<ModelFormatException>(() => SentencePiece(pieces)).Message);
    }

    [Theory]
    [InlineData(" ")]
    [InlineData("a")]
    [InlineData("1")]
    [InlineData("A")]
    [InlineData("aA")]
    [InlineData("日")]
    [InlineData("😀")]
    [InlineData("\n ")]
    [InlineData("e\u0301")]
    public void A_megabyte_without_a_word_takes_linear_time_by_every_family_of_regex(string unit)
    {
        string text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));
        foreach (string name in (string[])["tekken", "deepseek3", "o200k", "smollm"])
        {
            var tokenizer = ModelTokenizer.Load(SharedData.Shipped("goldens", "tokenizers", name));
            var watch = Stopwatch.StartNew();
            Assert.NotEmpty(tokenizer.Encode(text));
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{name}: {watch.Elapsed}");
        }
    }

    [Fact]
    public void A_regex_that_backtracks_without_end_is_ended()
    {
        var tokenizer = Load("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x(a+c?)+b"}, "behavior": "Isolated"}, BPE}""");
        var error = Assert.Throws<ModelFormatException>(() => tokenizer.Encode("x" + new string('a', 60) + " b"));
        Assert.Contains("more than 10 seconds", error.Message);
    }

    [Fact]
    public void Normalizers_that_lengthen_each_other_are_ended()
    {
        string doubling = string.Join(", ", Enumerable.Repeat("""{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaa"}""", 60));
        var tokenizer = Load($$"""{"normalizer": {"type": "Sequence", "normalizers": [{{doubling}}]}, BPE}""");
        Assert.Contains("134217728 characters", Assert.Throws<SparseRMException>(() => tokenizer.Encode("a")).Message);
    }

    [Theory]
    [InlineData("""{"normalizer": NEST, BPE}""", "depth")]
    [InlineData("""{"normalizer": {"type": "Sequence", "normalizers": [MANY{"type": "NFC"}]}, BPE}""", "64 steps")]
    [InlineData("""{"added_tokens": [{"id": 3, "content": "\ud83d"}], BPE}""", "surrogate")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{Han}+"}, "behavior": "Isolated"}, BPE}""", "\\p{Han}")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\bx"}, "behavior": "Isolated"}, BPE}""", "\\bx")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[a-z&&b]"}, "behavior": "Isolated"}, BPE}""", "[a-z&&b]")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a{1,5000}"}, "behavior": "Isolated"}, BPE}""", "{1,5000}")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?i:st)"}, "behavior": "Isolated"}, BPE}""", "'st)'")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a*"}, "behavior": "Isolated"}, BPE}""", "empty text")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}, BPE}""", "(a")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "😀"}, "behavior": "Isolated"}, BPE}""", "not supported")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Sometimes"}, BPE}""", "Sometimes")]
    [InlineData("""{"pre_tokenizer": {"type": "Metaspace", "replacement": "__"}, BPE}""", "Metaspace")]
    [InlineData("""{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}, BPE}""", "'last'")]
    [InlineData("""{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false}, BPE}""", "add_prefix_space")]
    public void Refuses_a_hostile_tokenizer_json_by_what_is_wrong_in_it(string json, string named)
    {
        json = json.Replace("MANY", string.Concat(Enumerable.Repeat("""{"type": "NFC"}, """, 80)))
            .Replace("NEST", string.Concat(Enumerable.Repeat("""{"type": "Sequence", "normalizers": [""", 40)) + string.Concat(Enumerable.Repeat("]}", 40)));
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Load(json)).Message);
    }

    [Fact]
    public void Bytes_that_are_no_utf8_are_refused_by_their_line()
    {
        string folder = TokenizerFiles.Folder();
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), Encoding.Latin1.GetBytes("{\n\"a\": \"\u00ff\"}"));
        Assert.Contains("UTF-8 (line 2)", Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder)).Message);
    }

    [Fact]
    public void Control_characters_of_a_file_are_escaped_in_messages() =>
        Assert.Contains("\\u001b", Assert.Throws<ModelFormatException>(() => Load("""{"normalizer": {"type": "\u001b[2J"}, BPE}""")).Message);

    private static ModelTokenizer Load(string json) => ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", json.Replace("BPE", Bpe))));

    // Ids 0 to 2 are <unk>, <s> and </s>, as everywhere; scores fall with the order of the pieces.
    private static ModelTokenizer SentencePiece(params string[] pieces)
    {
        using var file = new MemoryStream();
        using (var output = new CodedOutputStream(file, leaveOpen: true))
        {
            foreach (var (text, type) in (ReadOnlySpan<(string, int)>)[("<unk>", 2), ("<s>", 3), ("</s>", 3)]) WritePiece(output, text, 0, type);
            for (int i = 0; i < pieces.Length; i++) WritePiece(output, pieces[i], -i, 1);
            output.WriteRawTag(0x12);
            output.WriteLength(2);
            output.WriteRawTag(0x18);
            output.WriteEnum(2);
            output.WriteRawTag(0x1A);
            output.WriteLength(4);
            output.WriteRawTag(0x20);
            output.WriteBool(false);
            output.WriteRawTag(0x18);
            output.WriteBool(false);
        }
        string folder = TokenizerFiles.Folder();
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), file.ToArray());
        return ModelTokenizer.Load(folder);
    }

    private static void WritePiece(CodedOutputStream output, string text, float score, int type)
    {
        using var content = new MemoryStream();
        using (var inner = new CodedOutputStream(content, leaveOpen: true))
        {
            inner.WriteRawTag(0x0A);
            inner.WriteString(text);
            inner.WriteRawTag(0x15);
            inner.WriteFloat(score);
            inner.WriteRawTag(0x18);
            inner.WriteEnum(type);
        }
        output.WriteRawTag(0x0A);
        output.WriteBytes(ByteString.CopyFrom(content.ToArray()));
    }
}
