using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

/// <summary>Small files that claim much: refused within a memory that follows from their length.</summary>
public sealed class HostileSizeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, int, string> Headers => new()
    {
        { "\"{0}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "", 250_000, "lists more than 200000 tensors" },
        { "\"{0}\":\"\"", "__metadata__", 200_000, "more than 100000 entries under __metadata__" },
        { "1", "shape", 1_000_000, "has more than 64 numbers" },
        { "1", "data_offsets", 1_000_000, "has more than 64 numbers" },
    };

    /// <summary>The bytes of the header themselves and at most as much again for what is made of them.</summary>
    [Theory, MemberData(nameof(Headers))]
    public void A_long_header_of_a_safetensors_file(string item, string inside, int count, string said)
    {
        string items = string.Join(',', Enumerable.Range(0, count).Select(i => item == "1" ? item : string.Format(null, item, i)));
        string header = inside switch
        {
            "" => $"{{{items}}}",
            "__metadata__" => $"{{\"__metadata__\":{{{items}}}}}",
            _ => $"{{\"a\":{{\"dtype\":\"U8\",\"{inside}\":[{items}]}}}}",
        };
        string path = _folder.Write("h.safetensors", SafetensorsBytes.Of(header, 0));
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(path)).Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, header.Length + (150L << 20));
        Assert.Contains(said, message);
        Assert.InRange(message.Length, 0, 1000);
    }

    [Fact]
    public void Names_of_a_torch_file_that_multiply()
    {
        // each level refers twice to the one below, under a name of 200 characters: 2^8 leaves whose names have 1,600
        var pickle = new PickleBytes().Op("}(").Tensor("w", "0", 1, [1], [1]).Op("u").Raw((byte)'q', 0);
        for (byte level = 1; level <= 8; level++)
        {
            pickle.Op("}(");
            foreach (char half in "ab") pickle.Text(new string(half, 200)).Raw((byte)'h', (byte)(level - 1));
            pickle.Op("u").Raw((byte)'q', level);
        }
        string path = _folder.Write("t.pt", PickleBytes.File(pickle.Stop(), ("ae/data/0", ZipBytes.Floats(1))));
        Assert.Contains("names of more than 1000 characters", Assert.Throws<ModelFormatException>(() => TorchFile.Open(path)).Message);
    }

    [Fact]
    public void The_team_s_torch_file_with_a_million_million_characters()
    {
        string path = SharedData.Shared("field", "hostile", "files", "long-prefix.pt");
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<ModelFormatException>(() => TorchFile.Open(path)).Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256L << 20);
        Assert.Contains("names of more than", message);
    }
}
