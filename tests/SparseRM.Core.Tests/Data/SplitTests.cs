using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

/// <summary>Documents and folders with several splits: one is chosen by its name, none by chance.</summary>
public sealed class SplitTests : IDisposable
{
    private const string Row = """{"prompt":"q","chosen":"a","rejected":"b"}""";
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData($$"""{"train":[{{Row}}],"test":[{{Row}},{{Row}}]}""")]
    [InlineData("""{"train":{"prompt":["q"],"chosen":["a"],"rejected":["b"]},"test":{"prompt":["q","r"],"chosen":["a","c"],"rejected":["b","d"]}}""")]
    public void A_document_gives_the_split_that_is_named(string text)
    {
        string path = _folder.File("a.json", text);
        Assert.Equal(2, PreferenceFile.Read(path, new() { Split = "test" }).Items.Count);
        Assert.Single(PreferenceFile.Read(path, new() { Split = "train" }).Items);
        Assert.Contains("holds several splits ('train', 'test'); say which one with the option split", Refusal(path, null));
        Assert.Contains("has no split 'dev'; it has 'train', 'test'", Refusal(path, "dev"));
    }

    [Theory]
    [InlineData($$"""{"train":[{{Row}}],"test":{"prompt":["q"],"chosen":["a"],"rejected":["b"]} }""", "'train', 'test'")]
    [InlineData($$"""{"train":[{{Row}}],"test":[{{Row}},null]}""", "'train', 'test'")]
    [InlineData($$"""{"train":[{{Row}}],"test":{{Row}} }""", "'train', 'test'")]
    [InlineData($$"""{"data":[{{Row}}],"validation":[{{Row}}]}""", "'data', 'validation'")]
    public void A_split_of_another_shape_is_not_passed_over(string text, string splits)
    {
        string path = _folder.File("a.json", text);
        Assert.Contains($"holds several splits ({splits}); say which one", Refusal(path, null));
        Assert.Single(PreferenceFile.Read(path, new() { Split = splits[1..].Split('\'')[0] }).Items);
    }

    [Fact]
    public void A_row_that_is_none_is_a_bad_row_of_its_split()
        => Assert.Contains("row 2: expected a JSON object, found null", Refusal(_folder.File("a.json", $$"""{"train":[{{Row}},null]}"""), null));

    [Theory]
    [InlineData("train.jsonl.zst", "test")]
    [InlineData("train.arrow", "test")]
    [InlineData("train-00000-of-00002.jsonl.xz", "test")]
    public void A_file_of_a_folder_that_cannot_be_read_is_named(string unread, string other)
    {
        _folder.File($"{other}.jsonl", Row);
        _folder.File(unread, "x");
        Assert.Contains($"holds '{unread}', which may be data of it and cannot be read", Refusal(_folder.Root, null));
        Assert.Contains($"holds '{unread}', which may be data of split 'train'", Refusal(_folder.Root, "train"));
        Assert.Single(PreferenceFile.Read(_folder.Root, new() { Split = other }).Items);
    }

    [Fact]
    public void A_split_deep_in_a_folder_is_seen()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Root, "a", "b", "c", "d", "e"));
        _folder.File("test.jsonl", Row);
        _folder.File("a/b/c/d/e/train.jsonl", Row);
        Assert.Contains("is a folder with several splits ('train', 'test')", Refusal(_folder.Root, null));
    }

    [Theory]
    [InlineData("a.jsonl", Row)]
    [InlineData("a.json", $"[{Row}]")]
    [InlineData("a.csv", "prompt,chosen,rejected\nq,a,b\n")]
    public void A_split_of_a_file_without_any_is_refused(string name, string text)
        => Assert.Contains("has no splits, so that 'train' cannot be chosen", Refusal(_folder.File(name, text), "train"));

    [Fact]
    public void A_folder_gives_the_file_of_the_split_that_is_named()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Root, "data"));
        _folder.File("dataset_infos.json", "{}");
        _folder.File("README.md", "about it");
        Assert.Contains("is a folder without a data file", Refusal(_folder.Root, null));
        string train = _folder.File("data/train-00000-of-00001.jsonl", Row);
        Assert.Equal(train, PreferenceFile.Read(_folder.Root).Path);
        _folder.File("data/test.jsonl.gz", DataFolder.Gzip($"{Row}\n{Row}"));
        Assert.Equal(2, PreferenceFile.Read(_folder.Root, new() { Split = "test" }).Items.Count);
        Assert.Single(PreferenceFile.Read(_folder.Root, new() { Split = "train" }).Items);
        Assert.Contains("is a folder with several splits ('test', 'train'); say which one with the option split, or give its file", Refusal(_folder.Root, null));
        Assert.Contains("has no split 'dev'; it has 'test', 'train'", Refusal(_folder.Root, "dev"));
        _folder.File("data/train-00001-of-00002.jsonl", Row);
        Assert.Contains("split 'train' lies in 2 files", Refusal(_folder.Root, "train"));
    }

    [Fact]
    public void A_folder_may_have_a_folder_for_each_split()
    {
        foreach (string split in new[] { "train", "validation" }) Directory.CreateDirectory(Path.Combine(_folder.Root, split));
        _folder.File("train/0000.jsonl", Row);
        _folder.File("validation/0000.jsonl", $"{Row}\n{Row}");
        Assert.Equal(2, PreferenceFile.Read(_folder.Root, new() { Split = "validation" }).Items.Count);
    }

    private static string Refusal(string path, string? split) => Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { Split = split })).Message;
}
