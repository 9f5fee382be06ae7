using System.Buffers.Binary;
using System.Text;
using CsCheck;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Refusal(byte[] bytes)
    {
        string path = _folder.Write("t.safetensors", bytes);
        var error = Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path + ": ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    private SafetensorsFile Opened(byte[] bytes) => SafetensorsFile.Open(_folder.Write("t.safetensors", bytes));

    [Fact]
    public void Reads_a_tensor_and_metadata()
    {
        byte[] data = [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0];
        var file = Opened(SafetensorsBytes.Of(Encoding.UTF8.GetBytes("""{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8],"extra":[1]}}"""), data));
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(["w"], file.Names);
        Assert.Equal(["w"], file.Untaken);
        var slice = file.Take("w", 2, 1);
        Assert.Empty(file.Untaken);
        Assert.Equal([1f, -2f], slice.ReadSingles());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{}    ")]
    [InlineData("    {}")]
    [InlineData("\r\n\t {} \r\n\t")]
    public void Accepts_an_empty_object_with_white_space_on_both_sides(string header)
        => Assert.Empty(Opened(SafetensorsBytes.Of(header, 0)).Names);

    [Fact]
    public void Accepts_rank_0_zero_sized_and_unaligned_tensors()
    {
        var file = Opened(SafetensorsBytes.Of("""
            {"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"z":{"dtype":"F32","shape":[2,0],"data_offsets":[1,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}
            """, 5));
        Assert.Equal(1, file.Take("a").ElementCount);
        Assert.Empty(file.Take("z").ReadSingles());
        Assert.Equal([0f], file.Take("w").ReadSingles());
    }

    [Fact]
    public void Refuses_a_missing_file_and_a_folder()
    {
        Assert.Contains("no such file", Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(_folder.File("none"))).Message);
        Assert.Contains("is a folder", Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(_folder.Path)).Message);
    }

    [Fact]
    public void Refuses_an_empty_file() => Assert.EndsWith("is empty, or a pipe or device; expected a file", Refusal([]));

    [Fact]
    public void Refuses_a_pipe_that_nobody_writes_to_instead_of_waiting()
    {
        string pipe = _folder.File("pipe.safetensors");
        Tool.Run(Tool.Find("mkfifo", "whether a pipe is waited for"), pipe);
        string link = File.CreateSymbolicLink(_folder.File("link.safetensors"), pipe).FullName;
        foreach (string path in (string[])[pipe, link])
            Assert.EndsWith("is empty, or a pipe or device; expected a file", Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Fact]
    public void Refuses_seven_bytes() => Assert.Contains("header too small", Refusal(new byte[7]));

    [Fact]
    public void Refuses_a_header_that_is_too_large() => Assert.Contains("header too large", Refusal([0x3C, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF]));

    [Fact]
    public void Refuses_the_greatest_allowed_header_length_only_because_the_file_is_shorter()
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, 100_000_000);
        Assert.Contains("invalid header length", Refusal(bytes));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, 100_000_001);
        Assert.Contains("header too large", Refusal(bytes));
    }

    [Fact]
    public void Refuses_a_header_longer_than_the_file() => Assert.Contains("invalid header length", Refusal([0x3C, 0, 0, 0, 0, 0, 0, 0]));

    [Fact]
    public void Refuses_a_header_that_is_not_utf8() => Assert.Contains("invalid UTF-8", Refusal(SafetensorsBytes.Of([0xFF], [])));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{} {}")]
    [InlineData("\0{}")]
    [InlineData("""{"a":5}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""")]
    [InlineData("""{"__metadata__":{"a":1}}""")]
    [InlineData("""{"__metadata__":"a"}""")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""")]
    public void Refuses_a_header_of_another_form(string header) => Assert.Contains("invalid JSON in header", Refusal(SafetensorsBytes.Of(header, 4)));

    [Fact]
    public void Refuses_deep_nesting()
    {
        string deep = new string('[', 100_000) + new string(']', 100_000);
        Assert.Contains("invalid JSON in header", Refusal(SafetensorsBytes.Of($$$"""{"a":{"x":{{{deep}}}}}""", 0)));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "\"a\" is listed twice")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}""", "\"dtype\" twice")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", "\"k\" twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", "__metadata__ is listed twice")]
    public void Refuses_duplicates(string header, string expected) => Assert.Contains(expected, Refusal(SafetensorsBytes.Of(header, 1)));

    [Theory]
    [InlineData("[0,4]", "[0,4]", 4)]
    [InlineData("[0,4]", "[8,12]", 12)]
    [InlineData("[0,4]", "[2,6]", 6)]
    [InlineData("[4,0]", "[4,8]", 8)]
    [InlineData("[4,8]", "[8,12]", 12)]
    public void Refuses_overlaps_holes_and_backward_offsets(string first, string second, int dataBytes)
        => Assert.Contains("invalid offset for tensor", Refusal(SafetensorsBytes.Of(
            $$$"""{"a":{"dtype":"F32","shape":[1],"data_offsets":{{{first}}}},"b":{"dtype":"F32","shape":[1],"data_offsets":{{{second}}}}}""", dataBytes)));

    [Theory]
    [InlineData("[2,18446744073709551614]")]
    [InlineData("[2,9223372036854775807]")]
    [InlineData("[9223372036854775807,9223372036854775807,9223372036854775807]")]
    [InlineData("[18446744073709551615,0]")]
    public void Refuses_shapes_that_overflow(string shape)
        => Assert.Contains("overflow", Refusal(SafetensorsBytes.Of($$$"""{"a":{"dtype":"I32","shape":{{{shape}}},"data_offsets":[0,16]}}""", 16)));

    [Fact]
    public void Refuses_a_sub_byte_tensor_that_ends_inside_a_byte()
        => Assert.Contains("whole byte", Refusal(SafetensorsBytes.Of("""{"a":{"dtype":"F4","shape":[1,3],"data_offsets":[0,2]}}""", 2)));

    [Fact]
    public void Refuses_a_shape_that_disagrees_with_the_offsets()
        => Assert.Contains("tensor \"a\": I32 [2, 2] needs 16 bytes, its offsets hold 4", Refusal(SafetensorsBytes.Of("""{"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,4]}}""", 4)));

    [Theory]
    [InlineData(2)]
    [InlineData(37)]
    public void Refuses_a_body_that_is_too_short_or_too_long(int dataBytes)
        => Assert.Contains("not fully covered", Refusal(SafetensorsBytes.Of("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", dataBytes)));

    [Fact]
    public void Refuses_to_take_what_is_absent_or_of_a_type_without_use()
    {
        var file = Opened(SafetensorsBytes.Of("""{"a":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}""", 1));
        Assert.Contains("no tensor \"b\"", Assert.Throws<ModelFormatException>(() => file.Take("b")).Message);
        Assert.Contains("\"a\" is F8_E5M2", Assert.Throws<ModelFormatException>(() => file.Take("a")).Message);
        Assert.Empty(file.Untaken);
    }

    [Fact]
    public void Refuses_the_wrong_shape_naming_both()
    {
        var file = Opened(SafetensorsBytes.Of("""{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}""", 8));
        Assert.Contains("shape [1, 2], expected [2, 1]", Assert.Throws<ModelFormatException>(() => file.Take("a", 2, 1)).Message);
    }

    [Fact]
    public void Any_corruption_is_refused_in_one_way()
    {
        byte[] good = SafetensorsBytes.Of("""{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}}""", 14);
        string path = _folder.File("corrupt.safetensors");
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Array[1, 4].Sample(edits =>
        {
            byte[] bytes = [.. good];
            foreach (var (at, value, _) in edits) bytes[at] = value;
            int length = edits[0].Item3 % 5 == 0 ? edits[0].Item3 : bytes.Length;
            System.IO.File.WriteAllBytes(path, bytes[..length]);
            try
            {
                var file = SafetensorsFile.Open(path);
                foreach (string name in file.Names) file.Take(name).OpenRead().Dispose();
            }
            catch (ModelFormatException)
            {
                return;
            }
        }, iter: 500, threads: 1);
    }
}
