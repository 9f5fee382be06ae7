using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class ModelTokenizerGoldenTests
{
    [Theory]
    [InlineData("llama3", "llama3")]
    [InlineData("llama3", "llama3-hf")]
    [InlineData("llama2", "llama2")]
    [InlineData("gpt2", "gpt2")]
    [InlineData("qwen2", "qwen2")]
    [InlineData("miniworld", "miniworld")]
    public void Ids_equal_the_families_own_tokenizers(string golden, string tokenizer)
    {
        string path = SharedData.Shipped("goldens", "tokens", golden + ".jsonl");
        AssertGolden(TokenizerFiles.Named(tokenizer), path);
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("miniworld")]
    public void The_sentencepiece_model_alone_gives_the_same_ids(string name)
    {
        string source = name == "miniworld" ? SharedData.MiniWorld("model") : SharedData.Shared("tokenizers", name);
        string folder = TokenizerFiles.Folder();
        File.Copy(Path.Combine(source, "tokenizer.model"), Path.Combine(folder, "tokenizer.model"));
        AssertGolden(ModelTokenizer.Load(folder), SharedData.Shipped("goldens", "tokens", name + ".jsonl"));
    }

    [Theory]
    [InlineData("gpt-2", "gpt2")]
    [InlineData("llama-bpe", "llama3")]
    [InlineData("llama-bpe", "llama3-hf")]
    [InlineData("llama-spm", "llama2")]
    public void Ids_equal_the_cases_of_llama_cpp(string cases, string tokenizer)
    {
        string path = SharedData.Shared("tokenizers", "cases", $"ggml-vocab-{cases}.gguf.inp");
        string[] texts = File.ReadAllText(path).Split("\n__ggml_vocab_test__\n");
        string[] expected = File.ReadAllLines(Path.ChangeExtension(path, ".out"));
        var model = TokenizerFiles.Named(tokenizer);
        Assert.True(expected.Length is >= 46 && texts.Length >= expected.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Trim() == string.Join(' ', model.Encode(texts[i], addBos: false)),
                $"case {i}: '{texts[i]}' expected {expected[i]}, found {string.Join(' ', model.Encode(texts[i], addBos: false))}");
    }

    [Fact]
    public void MiniWorlds_dialogues_have_their_ids()
    {
        var tokenizer = TokenizerFiles.Named("miniworld");
        foreach (var line in TokenizerFiles.Lines(SharedData.Shipped("miniworld", "golden.jsonl")))
            Assert.Equal(line.Ids(), tokenizer.Encode(line.Text()));
    }

    [Fact]
    public void Stories260k_has_its_ids_with_bos()
    {
        var tokenizer = TokenizerFiles.Named("stories260k");
        using var golden = System.Text.Json.JsonDocument.Parse(File.ReadAllText(SharedData.Shared("models", "stories260k", "golden.json")));
        foreach (var entry in golden.RootElement.EnumerateArray()) Assert.Equal(entry.Ids(), tokenizer.Encode(entry.Text()));
        Assert.Equal(512, tokenizer.VocabularySize);
    }

    private static void AssertGolden(ModelTokenizer tokenizer, string path)
    {
        int count = 0;
        foreach (var line in TokenizerFiles.Lines(path))
        {
            int[] found = tokenizer.Encode(line.Text(), addBos: false);
            Assert.True(line.Ids().SequenceEqual(found),
                $"line {++count}: '{line.Text()}' expected {string.Join(' ', line.Ids())}, found {string.Join(' ', found)}");
        }
    }
}
