using System.Text;
using SparseRM.Errors;
using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Json;

/// <summary>The one reader of JSON configs, through each of those who use it.</summary>
public sealed class StrictJsonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Readers => ["config.json", "cfg.json", "model.safetensors.index.json"];

    private string Refusal(string file, byte[] json)
    {
        File.WriteAllBytes(_folder.File(file), json);
        if (file == "cfg.json") SafetensorsWriter.Write(_folder.File("sae_weights.safetensors"), []);
        Action open = file switch
        {
            "config.json" => () => ArchitectureCatalog.Read(_folder.Path),
            "cfg.json" => () => SaeFormatCatalog.Open(_folder.Path),
            _ => () => WeightIndex.Open(_folder.Path),
        };
        string message = Assert.Throws<ModelFormatException>(open).Message;
        Assert.StartsWith(_folder.File(file) + ": ", message);
        Assert.DoesNotContain(message, char.IsControl);
        return message;
    }

    private string Refusal(string file, string json) => Refusal(file, Encoding.UTF8.GetBytes(json));

    [Theory, MemberData(nameof(Readers))]
    public void Bytes_that_are_not_utf8_are_refused_with_their_line(string file)
        => Assert.Contains("is not valid UTF-8 (line 2)", Refusal(file, [.. "{\n\"a\": \""u8, 0xFF, .. "\"}"u8]));

    [Theory, MemberData(nameof(Readers))]
    public void Halves_of_surrogate_pairs_are_refused_wherever_they_stand(string file)
    {
        foreach (string json in new[] { """{"\ud800": 1}""", """{"a": "\udc00"}""", """{"a": [{"b": "x\ud800y"}]}""" })
            Assert.Contains("half of a surrogate pair", Refusal(file, json));
    }

    [Theory, MemberData(nameof(Readers))]
    public void Names_that_are_there_twice_are_refused(string file) => Assert.Contains("Duplicate property 'a'", Refusal(file, """{"x": {"a": 1, "\u0061": 2}}"""));

    [Theory, MemberData(nameof(Readers))]
    public void Depth_and_length_are_bounded(string file)
    {
        Assert.Contains("depth of 64", Refusal(file, $"{{\"a\": {new string('[', 100)}{new string(']', 100)}}}"));
        Assert.Contains("bytes long; at most", Refusal(file, new byte[65 << 20]));
    }

    [Theory, MemberData(nameof(Readers))]
    public void What_is_no_object_is_refused(string file)
    {
        Assert.Contains("must be a JSON object, found an array", Refusal(file, "[1]"));
        Assert.Contains("is not valid JSON", Refusal(file, "{\"a\": 1"));
        Assert.Contains("is empty", Refusal(file, ""));
        Assert.Contains("is not valid JSON", Refusal(file, "{} {}"));
    }

    [Fact]
    public void A_byte_order_mark_is_skipped()
    {
        byte[] config = File.ReadAllBytes(SharedData.Shipped("goldens", "models", "llama2", "config.json"));
        File.WriteAllBytes(_folder.File("config.json"), [0xEF, 0xBB, 0xBF, .. config]);
        Assert.Equal(4, ArchitectureCatalog.Read(_folder.Path).NLayers);
    }

    [Theory]
    [InlineData("config-surrogate", "half of a surrogate pair")]
    [InlineData("sae-bad-utf8", "is not valid UTF-8 (line 1)")]
    public void The_team_s_hostile_configs_are_refused_by_name(string name, string expected)
    {
        string folder = SharedData.Shared("field", "hostile", "files", name);
        Action open = name.StartsWith("sae", StringComparison.Ordinal) ? () => SaeFormatCatalog.Open(folder) : () => ArchitectureCatalog.Read(folder);
        Assert.Contains(expected, Assert.Throws<ModelFormatException>(open).Message);
    }

    [Fact]
    public void Control_characters_of_a_tensor_s_name_do_not_reach_a_message()
    {
        string message = Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(SharedData.Shared("field", "hostile", "files", "escape.safetensors"))).Message;
        Assert.Contains("\\u001b[2J\\u001b]0;pwned\\u0007x", message);
        Assert.DoesNotContain(message, char.IsControl);
    }
}
