using System.Text;
using System.Text.Json;
using SparseRM.Text.Bpe;

namespace SparseRM.Core.Tests.Text;

/// <summary>Microsoft.ML's merging by ranks against our own merging of pairs, on the same vocabularies.</summary>
public class RankEncoderTests
{
    private static readonly string[] s_parts =
        ["the", " the", "ing", "a", "aa", " ", "   ", "\n", "é", "\u0301", "漢字", "😀", "👩‍👩‍👧", "\uFFFD", "\u200B", "0", "12345", "'s", "<|im_end|>", "<s>", "\0", "Ġ", "\u2581"];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("qwen2")]
    public void Families_merge_by_ranks_and_give_the_ids_of_their_merges(string name)
    {
        var model = Read(File.ReadAllText(SharedData.Shared("tokenizers", name, "tokenizer.json")));
        var encoder = RankEncoder.Of(model);
        Assert.NotNull(encoder);
        var random = new Random(7);
        for (int round = 0; round < 2000; round++) AssertSame(model, encoder, Piece(random, random.Next(1, 16)));
        foreach (string part in s_parts) AssertSame(model, encoder, string.Concat(Enumerable.Repeat(part, 3000)));
    }

    // Llama-3 has tokens of low rank that only parts of higher rank make; tokenizer.json lists them before their parts.
    [Fact]
    public void Llama3s_merges_go_by_pairs_and_give_the_ids_of_its_ranks()
    {
        Assert.Null(RankEncoder.Of(Read(File.ReadAllText(SharedData.Shared("tokenizers", "llama3-hf", "tokenizer.json")))));
        var (ranks, pairs) = (TokenizerFiles.Named("llama3"), TokenizerFiles.Named("llama3-hf"));
        var random = new Random(11);
        var texts = Enumerable.Range(0, 1500).Select(_ => Piece(random, random.Next(1, 40)))
            .Concat(s_parts.Select(part => string.Concat(Enumerable.Repeat(part, 2000)))).Append(" th\u1EDDi th\u1EDDi .:.: .:.:.:");
        foreach (string text in texts) Assert.Equal(pairs.Encode(text), ranks.Encode(text));
    }

    // Ranks are made once half a million characters were encoded.
    [Fact]
    public void A_text_has_the_same_ids_before_and_after_ranks_are_made()
    {
        var tokenizer = SparseRM.Text.ModelTokenizer.Load(SharedData.Shared("tokenizers", "gpt2"));
        var random = new Random(13);
        string text = string.Join(' ', Enumerable.Range(0, 2000).Select(_ => Piece(random, random.Next(1, 12))));
        int[] before = tokenizer.Encode(text);
        tokenizer.Encode(string.Concat(Enumerable.Repeat("some words and more ", 30_000)));
        Assert.Equal(before, tokenizer.Encode(text));
    }

    [Fact]
    public void Random_merges_go_by_ranks_only_where_that_gives_the_same_ids()
    {
        int byRanks = 0, byPairs = 0;
        for (int seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var model = Read(Vocabulary(random, isOrdered: seed % 2 == 0, takesWhole: seed % 3 == 0));
            if (RankEncoder.Of(model) is not { } encoder)
            {
                byPairs++;
                continue;
            }
            byRanks++;
            for (int round = 0; round < 60; round++)
                AssertSame(model, encoder, string.Concat(Enumerable.Range(0, random.Next(1, 80)).Select(_ => "abc"[random.Next(3)])));
        }
        Assert.True(byRanks >= 150 && byPairs >= 20, $"{byRanks} by ranks, {byPairs} by pairs");
    }

    [Theory]
    // A merge before those of its parts: 'abc' waits for 'bc', which comes later.
    [InlineData("""["a bc", "b c"]""", false)]
    [InlineData("""["b c", "a bc"]""", true)]
    // The same token from other parts before: nothing is left to wait.
    [InlineData("""["a b", "ab c", "a bc", "b c"]""", true)]
    [InlineData("""["a bc", "b c", "a b", "ab c"]""", false)]
    // 'ab' + 'c' never stands side by side, as 'bc' merges first: what is unreachable is no token to ranks either.
    [InlineData("""["b c", "a b", "ab c"]""", true)]
    public void Merges_before_their_parts_go_by_pairs(string merges, bool goesByRanks)
    {
        var model = Read(Json(JsonSerializer.Deserialize<string[]>(merges)!, takesWhole: false));
        var encoder = RankEncoder.Of(model);
        Assert.Equal(goesByRanks, encoder is not null);
        if (encoder is not null) AssertSame(model, encoder, "abcabcab");
    }

    [Fact]
    public void A_vocabulary_without_all_bytes_goes_by_pairs()
    {
        string json = Json(["a b"], takesWhole: false).Replace("\"z\":", "\"zz\":", StringComparison.Ordinal)
            .Replace("\"merges\"", "\"unk_token\": \"a\", \"merges\"", StringComparison.Ordinal);
        Assert.Null(RankEncoder.Of(Read(json)));
    }

    private static string Piece(Random random, int parts)
    {
        var text = new StringBuilder();
        for (int i = 0; i < parts; i++)
        {
            if (random.Next(2) == 0) text.Append(s_parts[random.Next(s_parts.Length)]);
            else if (random.Next(3) > 0) text.Append((char)random.Next('a', 'z' + 1));
            else
            {
                int code = random.Next(0x20, 0x20000);
                text.Append(code is >= 0xD800 and < 0xE000 ? "x" : char.ConvertFromUtf32(code));
            }
        }
        return text.ToString();
    }

    private static string Vocabulary(Random random, bool isOrdered, bool takesWhole)
    {
        var pieces = new List<string> { "a", "b", "c" };
        var merges = new List<string>();
        for (int i = 0; i < 12; i++)
        {
            string left = pieces[random.Next(pieces.Count)], right = pieces[random.Next(pieces.Count)];
            if ((left + right).Length > 8) continue;
            pieces.Add(left + right);
            merges.Insert(isOrdered ? merges.Count : random.Next(merges.Count + 1), $"{left} {right}");
        }
        return Json([.. merges.Distinct()], takesWhole);
    }

    private static string Json(string[] merges, bool takesWhole)
    {
        var pieces = Enumerable.Range(0, 256).Select(b => $"{ByteAlphabet.CharOf((byte)b)}")
            .Concat(merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal)));
        var vocabulary = pieces.Distinct().Select((piece, id) => $"{JsonSerializer.Serialize(piece)}:{id}");
        return $$"""
            {"model": {"type": "BPE", "ignore_merges": {{(takesWhole ? "true" : "false")}},
             "vocab": { {{string.Join(",", vocabulary)}} }, "merges": {{JsonSerializer.Serialize(merges)}} } }
            """;
    }

    private static BpeModel Read(string json) =>
        new BpeModelReader("tokenizer.json", JsonDocument.Parse(json).RootElement.GetProperty("model")).Read(isByteLevel: true, []);

    private static void AssertSame(BpeModel model, RankEncoder encoder, string text)
    {
        var aligned = AlignedText.Of(text, 0, text.Length);
        var spelled = aligned.SpelledAsBytes(out _);
        List<TokenRange> expected = [], found = [];
        model.Encode(spelled, 0, spelled.Text.Length, expected);
        encoder.Encode(aligned, 0, text.Length, found);
        Assert.True(expected.SequenceEqual(found), $"'{text}': expected {string.Join(' ', expected)}, found {string.Join(' ', found)}");
    }
}
