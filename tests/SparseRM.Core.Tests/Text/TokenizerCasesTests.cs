using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

/// <summary>Small tokenizer.json files of every kind that is read, with ids by Hugging Face's tokenizers 0.22.2.</summary>
public class TokenizerCasesTests
{
    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(SharedData.Shipped("goldens", "tokenizers")).Select(folder => Path.GetFileName(folder)!).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Ids_equal_hugging_faces(string name)
    {
        string folder = SharedData.Shipped("goldens", "tokenizers", name);
        var tokenizer = ModelTokenizer.Load(folder);
        int count = 0;
        foreach (var line in TokenizerFiles.Lines(Path.Combine(folder, "cases.jsonl")))
        {
            int[] found = tokenizer.Encode(line.Text(), addBos: false);
            Assert.True(line.Ids().SequenceEqual(found),
                $"'{line.Text()}': expected {string.Join(' ', line.Ids())}, found {string.Join(' ', found)}");
            count++;
        }
        Assert.True(count >= 4);
    }

    [Theory]
    [InlineData("llama3", "d060b5d29a96")]
    [InlineData("llama3-hf", "d060b5d29a96")]
    [InlineData("qwen2", "5bf5e6c2bccb")]
    [InlineData("gpt2", "71563c775ac5")]
    [InlineData("llama2", "1093bad4a419")]
    [InlineData("miniworld", "16b320ecf23a")]
    public void Fingerprints_of_the_families_stay_what_reward_files_know(string name, string start) =>
        Assert.StartsWith(start, TokenizerFiles.Named(name).Fingerprint);
}
