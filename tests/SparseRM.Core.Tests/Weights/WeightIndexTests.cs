using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class WeightIndexTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Shard(string file, string tensor, float value)
        => SafetensorsWriter.Write(_folder.File(file), [TensorToWrite.Singles(tensor, new[] { value }, 1)]);

    private string Refusal(Action action)
    {
        string message = Assert.Throws<ModelFormatException>(action).Message;
        Assert.StartsWith(_folder.Path, message);
        return message;
    }

    [Fact]
    public void Reads_a_single_file()
    {
        Shard("model.safetensors", "a", 1);
        var index = WeightIndex.Open(_folder.Path);
        Assert.Equal(["a"], index.Untaken);
        Assert.Equal([1f], index.Take("a", 1).ReadSingles());
        Assert.Empty(index.Untaken);
    }

    [Fact]
    public void Shards_that_nothing_is_taken_from_may_be_missing_or_corrupt()
    {
        _folder.Write(Index, """{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors"}}""");
        Shard("1.safetensors", "a", 1);
        _folder.Write("3.safetensors", "corrupt");
        var index = WeightIndex.Open(_folder.Path);
        Assert.Equal(["a", "b", "c"], index.Names.Order());
        Assert.Equal([1f], index.Take("a", 1).ReadSingles());
        Assert.Equal(["b", "c"], index.Untaken.Order());
        string missing = Refusal(() => index.Take("b"));
        Assert.Contains("2.safetensors: this shard is missing and tensor \"b\" is in it; download it", missing);
        Assert.Contains("3.safetensors: ", Refusal(() => index.Take("c")));
        Assert.Contains("no tensor \"d\"", Refusal(() => index.Take("d")));
    }

    [Fact]
    public void Refuses_an_index_that_places_a_tensor_in_the_wrong_shard()
    {
        _folder.Write(Index, """{"weight_map":{"a":"1.safetensors"}}""");
        Shard("1.safetensors", "b", 1);
        Assert.Contains("1.safetensors: has no tensor \"a\", though model.safetensors.index.json", Refusal(() => WeightIndex.Open(_folder.Path).Take("a")));
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("/etc/x.safetensors")]
    [InlineData("sub/x.safetensors")]
    [InlineData("sub\\\\x.safetensors")]
    [InlineData("c:x.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("x\\u0000.safetensors")]
    public void Refuses_shard_names_that_are_not_plain(string name)
    {
        _folder.Write(Index, $$$"""{"weight_map":{"a":"{{{name}}}"}}""");
        Assert.Contains("weight_map \"a\" must be the plain name", Refusal(() => WeightIndex.Open(_folder.Path)));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "must be a JSON object, found an array")]
    [InlineData("{}", "no \"weight_map\" object")]
    [InlineData("""{"weight_map":[]}""", "no \"weight_map\" object")]
    [InlineData("""{"weight_map":{}}""", "weight_map is empty")]
    [InlineData("""{"weight_map":{"a":5}}""", "weight_map \"a\"")]
    [InlineData("""{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}""", "Duplicate property 'a'")]
    [InlineData("""{"weight_map":{"\ud800":"1.safetensors"}}""", "not valid JSON")]
    [InlineData("""{"weight_map":{"a":"\ud800.safetensors"}}""", "not valid JSON")]
    public void Refuses_a_malformed_index(string json, string expected)
    {
        _folder.Write(Index, json);
        Assert.Contains(expected, Refusal(() => WeightIndex.Open(_folder.Path)));
    }

    [Fact]
    public void Refuses_folders_without_weights()
    {
        Assert.Contains("no such folder", Refusal(() => WeightIndex.Open(_folder.File("none"))));
        Assert.Contains("has neither model.safetensors (model.safetensors.index.json) nor pytorch_model.bin (pytorch_model.bin.index.json)", Refusal(() => WeightIndex.Open(_folder.Path)));
    }

    private static byte[] Torch(string tensor, float value)
        => PickleBytes.File(new PickleBytes().Op("}(").Tensor(tensor, "0", 1, [1], [1]).Op("u").Stop(), ("ae/data/0", ZipBytes.Floats(value)));

    [Fact]
    public void Reads_torch_weights_alone_or_in_shards()
    {
        _folder.Write("pytorch_model.bin", Torch("a", 3));
        Assert.Equal([3f], WeightIndex.Open(_folder.Path).Take("a", 1).ReadSingles());
        File.Delete(_folder.File("pytorch_model.bin"));
        _folder.Write("pytorch_model.bin.index.json", """{"metadata":{},"weight_map":{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}}""");
        _folder.Write("pytorch_model-00002-of-00002.bin", Torch("b", 4));
        var index = WeightIndex.Open(_folder.Path);
        Assert.Equal([4f], index.Take("b", 1).ReadSingles());
        Assert.Contains("pytorch_model-00001-of-00002.bin: this shard is missing", Refusal(() => index.Take("a")));
    }

    [Fact]
    public void Safetensors_go_before_torch_weights()
    {
        _folder.Write("pytorch_model.bin", Torch("a", 3));
        Shard("model.safetensors", "a", 1);
        Assert.Equal([1f], WeightIndex.Open(_folder.Path).Take("a", 1).ReadSingles());
    }

    [Fact]
    public void Torch_weights_that_ask_for_code_are_refused_and_nothing_is_executed()
    {
        _folder.Write("pytorch_model.bin", PickleBytes.File(new PickleBytes().Global("posix", "system").Text("touch PWNED").Raw(0x85).Op("R").Stop()));
        Assert.Contains("\"posix.system\"", Refusal(() => WeightIndex.Open(_folder.Path)));
        Assert.False(File.Exists("PWNED"));
    }

    [Fact]
    public void An_index_cannot_mix_the_kinds()
    {
        _folder.Write("pytorch_model.bin.index.json", """{"weight_map":{"a":"1.safetensors"}}""");
        Assert.Contains("must be the plain name of a .bin file", Refusal(() => WeightIndex.Open(_folder.Path)));
    }
}
