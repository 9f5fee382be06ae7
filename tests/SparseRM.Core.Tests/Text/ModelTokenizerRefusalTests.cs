using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class ModelTokenizerRefusalTests
{
    private const string Bpe = """
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
        """;

    [Theory]
    [InlineData("""{"model": {"type": "Unigram", "vocab": [["a", 0.5]]}}""", "'Unigram'")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 0}}}""", "'WordPiece'")]
    [InlineData("""{"normalizer": {"type": "Lowercase"}, MODEL}""", "'Lowercase'")]
    [InlineData("""{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]}, MODEL}""", "'NFKC'")]
    [InlineData("""{"pre_tokenizer": {"type": "Whitespace"}, MODEL}""", "'Whitespace'")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated"}, MODEL}""", "\\w+")]
    [InlineData("""{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, MODEL}""", "expected 256")]
    [InlineData("""{"post_processor": {"type": "BertProcessing"}, MODEL}""", "'BertProcessing'")]
    [InlineData("""{"added_tokens": [{"id": 7, "content": "<x>", "single_word": 1}], MODEL}""", "single_word")]
    [InlineData("""{"added_tokens": [{"content": "<x>"}], MODEL}""", "no id")]
    [InlineData("""{"added_tokens": [{"id": -1, "content": "<x>"}], MODEL}""", "'<x>' is -1")]
    [InlineData("""{"added_tokens": [{"id": 7, "content": "<x>"}, {"id": 7, "content": "<y>"}], MODEL}""", "id 7 twice")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}""", "'b'")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}}""", "'a' + 'b'")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b c"]}}""", "merge 0")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}""", "id 0 twice")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 99999999999}}}""", "99999999999")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "dropout": 0.1}}""", "dropout")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "continuing_subword_prefix": "##"}}""", "continuing_subword_prefix")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "byte_fallback": true}}""", "<0x00>")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"\ud800": 0}}}""", "surrogate")]
    [InlineData("""{"model": 3}""", "model is 3")]
    [InlineData("""{}""", "'model'")]
    [InlineData("""[]""", "JSON object")]
    [InlineData("", "is empty")]
    public void Refuses_a_tokenizer_json_by_what_is_wrong_in_it(string json, string named)
    {
        string folder = TokenizerFiles.Folder(("tokenizer.json", json.Replace("MODEL", Bpe)));
        var error = Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder));
        Assert.EndsWith("tokenizer.json", error.Path);
        Assert.Contains(named, error.Message);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("IQ== 0\nIg== 2\n", "line 2")]
    [InlineData("IQ== 0\nIQ== 1\n", "repeats")]
    [InlineData("IQ== 0\nIR== 1\n", "line 2")]
    [InlineData("IQ== 0\nIg== 1\n", "256")]
    [InlineData("IQ== 0\n%% 1\n", "line 2")]
    [InlineData("this is not a model", "SentencePiece")]
    public void Refuses_a_tokenizer_model_by_what_is_wrong_in_it(string content, string named)
    {
        var error = Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.model", content))));
        Assert.EndsWith("tokenizer.model", error.Path);
        Assert.Contains(named, error.Message);
    }

    // trainer_spec.model_type (field 2.3), pieces (field 1) and normalizer_spec (field 3), written by hand.
    [Theory]
    [InlineData(new byte[] { 0x0A, 0x08, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x12, 0x02, 0x18, 0x01 }, "'unigram'")]
    [InlineData(new byte[] { 0x0A, 0x08, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x12, 0x02, 0x18, 0x02 }, "remove_extra_whitespaces")]
    [InlineData(new byte[] { 0x0A, 0x08, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x12, 0x02, 0x18, 0x02, 0x1A, 0x05, 0x12, 0x01, 1, 0x20, 0 }, "normaliser")]
    [InlineData(new byte[] { 0x0A, 0x03, 0x0A, 0x01, 0xFF }, "UTF-8")]
    [InlineData(
        new byte[] { 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 2, 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 3, 0x12, 0x02, 0x18, 0x02, 0x1A, 0x02, 0x20, 0 },
        "piece 'a' is there twice")]
    [InlineData(
        new byte[] { 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 1, 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 1, 0x12, 0x02, 0x18, 0x02, 0x1A, 0x02, 0x20, 0 },
        "piece 'a' is there twice")]
    [InlineData(
        new byte[] { 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 6, 0x0A, 0x0A, 0x0A, 0x01, (byte)'a', 0x15, 0, 0, 0, 0, 0x18, 6, 0x12, 0x02, 0x18, 0x02, 0x1A, 0x02, 0x20, 0 },
        "byte piece 'a'")]
    [InlineData(new byte[] { 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07 }, "whole SentencePiece model")]
    public void Refuses_a_sentencepiece_model_by_what_is_wrong_in_it(byte[] content, string named)
    {
        string folder = TokenizerFiles.Folder();
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), content);
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder)).Message);
    }

    [Fact]
    public void A_truncated_sentencepiece_model_is_refused_or_reads_as_a_shorter_one()
    {
        byte[] whole = File.ReadAllBytes(SharedData.MiniWorld("model", "tokenizer.model"));
        string folder = TokenizerFiles.Folder();
        for (int length = 1; length < whole.Length; length += 1777)
        {
            File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), whole[..length]);
            Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder));
        }
    }

    [Theory]
    [InlineData("config_unknown", "bos_token", "<not_in_vocab>")]
    [InlineData("corrupt_json", "tokenizer.json", "JSON")]
    [InlineData("legacy_bpe", "vocab.json", "tokenizer.json")]
    [InlineData("legacy_bpe_escape", "vocab.json", "tokenizer.json")]
    [InlineData("legacy_bpe_special", "vocab.json", "tokenizer.json")]
    public void Refuses_the_bad_folders_by_name(string name, params string[] named)
    {
        string folder = SharedData.Shared("bad", "hf-configs", name);
        string message = Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder)).Message;
        Assert.All(named, word => Assert.Contains(word, message));
    }

    [Fact]
    public void Token_objects_need_only_content()
    {
        var tokenizer = ModelTokenizer.Load(SharedData.Shared("bad", "hf-configs", "config_object"));
        Assert.Equal((10, 11), (tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([10, 3], tokenizer.Encode("a"));
        Assert.Contains("'b' (U+0062)", Assert.Throws<SparseRMException>(() => tokenizer.Encode("b")).Message);
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"add_bos_token": "yes"}""", "add_bos_token")]
    [InlineData("tokenizer_config.json", """{"bos_token": 3}""", "bos_token")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"x": {"content": "<x>"}}}""", "'x'")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"9": {"content": "ab"}}}""", "'ab' has id 9")]
    [InlineData("added_tokens.json", """{"<x>": "7"}""", "'<x>'")]
    [InlineData("special_tokens_map.json", "{", "JSON")]
    [InlineData("added_tokens.json", """{"\ud800": 7}""", "surrogate")]
    public void Refuses_the_files_beside_it_by_what_is_wrong_in_them(string file, string content, string named)
    {
        string folder = TokenizerFiles.Folder(("tokenizer.json", "{" + Bpe + "}"), (file, content));
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(folder)).Message);
    }

    [Fact]
    public void Refuses_a_folder_without_a_tokenizer() =>
        Assert.Contains("neither tokenizer.json nor tokenizer.model",
            Assert.Throws<ModelFormatException>(() => ModelTokenizer.Load(TokenizerFiles.Folder())).Message);
}
