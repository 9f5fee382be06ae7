using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class ModelTokenizerTests
{
    // A SentencePiece-like vocabulary: 'ab' merges before 'bc'.
    private const string Toy = """
        {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
         "post_processor": {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
         "added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 9, "content": "▁▁", "special": false},
             {"id": 10, "content": "<end>", "special": true, "lstrip": true, "rstrip": true}],
         "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true,
             "vocab": {"<unk>": 0, "<s>": 1, "a": 2, "b": 3, "c": 4, "▁": 5, "ab": 6, "bc": 7, "▁a": 8},
             "merges": [["a", "b"], ["b", "c"], ["▁", "a"]]}}
        """;

    [Fact]
    public void Merges_go_by_rank_and_user_defined_pieces_come_first()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy)));
        Assert.Equal([6, 4], tokenizer.Encode("abc", addBos: false));
        Assert.Equal([9, 2], tokenizer.Encode("  a", addBos: false));
        Assert.Equal([9, 8], tokenizer.Encode("   a", addBos: false));
        Assert.Equal([2, 0, 3], tokenizer.Encode("axyb", addBos: false));
        Assert.Equal([2, 10, 3], tokenizer.Encode("a <end> b", addBos: false));
        Assert.Equal(11, tokenizer.VocabularySize);
    }

    [Fact]
    public void Exactly_one_bos_comes_first()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy)));
        Assert.True(tokenizer.UsesBos);
        Assert.Equal([1, 2], tokenizer.Encode("a"));
        Assert.Equal([1, 2], tokenizer.Encode("<s>a"));
        Assert.Equal([1, 2], tokenizer.Encode("<s><s><s>a"));
        Assert.Equal([1, 2, 1], tokenizer.Encode("a<s>"));
        Assert.Equal([1, 1, 2], tokenizer.Encode("<s><s>a", addBos: false));
        Assert.Equal([1], tokenizer.Encode(""));
        Assert.Empty(tokenizer.Encode("", addBos: false));
    }

    [Theory]
    [InlineData("""{"add_bos_token": false, "bos_token": "<s>"}""", false, 1)]
    [InlineData("""{"add_bos_token": true}""", true, 1)]
    [InlineData("""{"bos_token": null}""", false, null)]
    [InlineData("""{"bos_token": {"content": "<s>", "lstrip": false}}""", true, 1)]
    public void The_config_decides_whether_a_bos_is_used(string config, bool uses, int? id)
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy), ("tokenizer_config.json", config)));
        Assert.Equal(uses, tokenizer.UsesBos);
        Assert.Equal(id, tokenizer.BosId);
        Assert.Equal(uses ? [1, 2] : [2], tokenizer.Encode("a"));
    }

    [Theory]
    [InlineData("llama3", true, 128000, 128256)]
    [InlineData("llama3-hf", true, 128000, 128256)]
    [InlineData("qwen2", false, null, 151665)]
    [InlineData("gpt2", false, null, 50257)]
    [InlineData("llama2", true, 1, 32000)]
    [InlineData("miniworld", true, 2, 2048)]
    public void Families_use_the_bos_that_they_were_trained_with(string name, bool uses, int? id, int size)
    {
        var tokenizer = TokenizerFiles.Named(name);
        Assert.Equal((uses, id, size), (tokenizer.UsesBos, tokenizer.BosId, tokenizer.VocabularySize));
    }

    [Fact]
    public void Special_tokens_in_a_raw_text_are_tokens()
    {
        Assert.Equal([128000, 128006, 882, 128007, 271, 6151, 128009],
            TokenizerFiles.Named("llama3").Encode("<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"));
        Assert.Equal([2, 5, 283, 7], TokenizerFiles.Named("miniworld").Encode("<start_of_turn>user\n"));
    }

    [Theory]
    [InlineData("ab", 0xD800, "c", 2)]
    [InlineData("", 0xDC00, "", 0)]
    [InlineData("a", 0xD83D, "", 1)]
    public void Refuses_half_of_a_surrogate_pair(string before, int half, string after, int position)
    {
        string text = before + (char)half + after;
        foreach (string name in (string[])["miniworld", "llama3"])
        {
            var error = Assert.Throws<SparseRMException>(() => TokenizerFiles.Named(name).Encode(text));
            Assert.Contains($"character {position} ", error.Message);
        }
        Assert.Throws<SparseRMException>(() =>
            TokenizerFiles.Named("miniworld").Encode(ChatTemplate.Named("none", new()).Render([new("user", text)])));
    }

    [Fact]
    public void Qwen_normalizes_to_composed_characters_without_system_libraries()
    {
        var tokenizer = TokenizerFiles.Named("qwen2");
        Assert.Equal(tokenizer.Encode("\u00e9 \uAC01 \u1e69"), tokenizer.Encode("e\u0301 \u1100\u1161\u11A8 s\u0307\u0323"));
        Assert.NotEqual(TokenizerFiles.Named("gpt2").Encode("\u00e9"), TokenizerFiles.Named("gpt2").Encode("e\u0301"));
    }

    [Theory]
    [InlineData("llama3", "a")]
    [InlineData("llama3", " ")]
    [InlineData("llama3", "\n")]
    [InlineData("llama3", "!")]
    [InlineData("qwen2", "e\u0301")]
    [InlineData("qwen2", "\u0323\u0307")]
    [InlineData("gpt2", "日本語")]
    [InlineData("llama2", "a")]
    [InlineData("llama2", " ")]
    [InlineData("miniworld", "-")]
    [InlineData("miniworld", "no space or 😀 end")]
    [InlineData("llama3-hf", "<|")]
    public void A_megabyte_takes_linear_time(string name, string unit)
    {
        // Quadratic work on a million characters takes hours; this bound only tells the two apart.
        string text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));
        var tokenizer = TokenizerFiles.Named(name);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.NotEmpty(tokenizer.Encode(text));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"{watch.Elapsed}");
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 65)]
    [InlineData(3, 66)]
    [InlineData(4, 700)]
    public void Short_and_long_pieces_have_the_ids_of_naive_merging(int seed, int length)
    {
        var ranks = new Dictionary<string, int>();
        foreach (string line in File.ReadLines(SharedData.Shared("tokenizers", "llama3", "tokenizer.model")))
            ranks[System.Text.Encoding.Latin1.GetString(Convert.FromBase64String(line.Split(' ')[0]))] = int.Parse(line.Split(' ')[1]);
        var random = new Random(seed);
        string text = new([.. Enumerable.Range(0, length).Select(_ => "aaaeinorst"[random.Next(10)])]);
        var parts = text.Select(c => c.ToString()).ToList();
        while (true)
        {
            var pairs = Enumerable.Range(0, parts.Count - 1).Where(i => ranks.ContainsKey(parts[i] + parts[i + 1])).ToList();
            if (pairs.Count == 0) break;
            int best = pairs.MinBy(i => ranks[parts[i] + parts[i + 1]]);
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
        Assert.Equal(parts.ConvertAll(part => ranks[part]), TokenizerFiles.Named("llama3").Encode(text, addBos: false));
    }

    [Fact]
    public void Token_texts_are_readable()
    {
        Assert.Equal(" the", TokenizerFiles.Named("miniworld").TokenText(318));
        Assert.Equal("\n\n", TokenizerFiles.Named("llama3").TokenText(271));
        Assert.Equal("<|eot_id|>", TokenizerFiles.Named("llama3").TokenText(128009));
        Assert.Equal("<id 2048>", TokenizerFiles.Named("miniworld").TokenText(2048));
        Assert.Matches(@"^(\\x[0-9A-F]{2})+$", TokenizerFiles.Named("gpt2").TokenText(TokenizerFiles.Named("gpt2").Encode("𝔸")[0]));
    }

    [Fact]
    public void Fingerprints_follow_what_determines_ids()
    {
        string one = ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy))).Fingerprint;
        Assert.Equal(one, ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy.ReplaceLineEndings(" ")))).Fingerprint);
        Assert.NotEqual(one, ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy), ("tokenizer_config.json", """{"add_bos_token": false}"""))).Fingerprint);
        Assert.NotEqual(one, ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Toy.Replace("""["a", "b"], ["b", "c"]""", """["b", "c"], ["a", "b"]""")))).Fingerprint);
        Assert.Equal(64, one.Length);
    }

    [Fact]
    public void Many_threads_get_the_same_ids()
    {
        var tokenizer = TokenizerFiles.Named("llama3");
        string text = string.Join(' ', Enumerable.Range(0, 2000).Select(i => $"word{i} of many, {i * 37}!"));
        int[] expected = tokenizer.Encode(text);
        Parallel.For(0, 16, _ => Assert.Equal(expected, tokenizer.Encode(text)));
    }
}
