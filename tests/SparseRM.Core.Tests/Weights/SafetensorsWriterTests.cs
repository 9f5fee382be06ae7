using System.Text;
using CsCheck;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Writes_the_owner_s_bytes()
    {
        string path = _folder.File("o.safetensors");
        SafetensorsWriter.Write(path,
            [TensorToWrite.Singles("b", new float[] { 1 }, 1), TensorToWrite.Singles("a", new float[] { 2 }, 1), TensorToWrite.Integers("z", new long[] { 3 })],
            new Dictionary<string, string> { ["k"] = "v", ["é\""] = "<" });
        byte[] bytes = File.ReadAllBytes(path);
        string header = """{"__metadata__":{"k":"v","é\"":"<"},"z":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""";
        int padded = (Encoding.UTF8.GetByteCount(header) + 7) / 8 * 8;
        Assert.Equal(padded, BitConverter.ToInt64(bytes));
        Assert.Equal(header, Encoding.UTF8.GetString(bytes, 8, padded).TrimEnd(' '));
        byte[] data = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0x80, 0x3F];
        Assert.Equal(data, bytes[(8 + padded)..]);
    }

    [Fact]
    public void Rewriting_a_file_of_the_owner_s_library_gives_its_bytes()
    {
        string golden = SharedData.Shipped("goldens", "saes", "saelens-gated", "sae_weights.safetensors");
        var file = SafetensorsFile.Open(golden);
        string copy = _folder.File("copy.safetensors");
        SafetensorsWriter.Write(copy, [.. file.Names.Select(name => file.Take(name)).Select(slice => TensorToWrite.Singles(slice.Name, slice.ReadSingles(), [.. slice.Shape]))], file.Metadata);
        Assert.Equal(File.ReadAllBytes(golden), File.ReadAllBytes(copy));
    }

    [Fact]
    public void Rows_are_asked_for_in_order_and_equal_a_whole_tensor()
    {
        SafetensorsWriter.Write(_folder.File("rows"), [TensorToWrite.Rows("x", 3, 2, (i, row) => { row[0] = i; row[1] = -i; })]);
        SafetensorsWriter.Write(_folder.File("whole"), [TensorToWrite.Singles("x", new float[] { 0, -0f, 1, -1, 2, -2 }, 3, 2)]);
        Assert.Equal(SafetensorsFile.Open(_folder.File("whole")).Take("x", 3, 2).ReadSingles(), SafetensorsFile.Open(_folder.File("rows")).Take("x", 3, 2).ReadSingles());
    }

    [Fact]
    public void What_is_written_is_read_and_order_does_not_matter()
    {
        var tensor = Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 1, 6], Gen.Single.Array[0, 9]);
        Gen.Select(tensor.Array[0, 5], Gen.Dictionary(Gen.String[Gen.Char.AlphaNumeric, 0, 4], Gen.String[Gen.Char["aé\"\\\n{\u2028日"], 0, 6])[0, 3]).Sample((tensors, metadata) =>
        {
            var distinct = tensors.DistinctBy(t => t.Item1).ToArray();
            string path = _folder.File("t"), reversed = _folder.File("r");
            SafetensorsWriter.Write(path, [.. distinct.Select(t => TensorToWrite.Singles(t.Item1, t.Item2, t.Item2.Length))], metadata);
            SafetensorsWriter.Write(reversed, [.. distinct.Reverse().Select(t => TensorToWrite.Singles(t.Item1, t.Item2, t.Item2.Length))], metadata);
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(reversed));
            var file = SafetensorsFile.Open(path);
            Assert.Equal(metadata, file.Metadata);
            Assert.Equal(distinct.Length, file.Names.Count);
            foreach (var (name, values) in distinct) Assert.Equal(values, file.Take(name, values.Length).ReadSingles(requireFinite: false));
        }, iter: 200, threads: 1);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        string path = _folder.Write("o", "old");
        Assert.Throws<InvalidOperationException>(() =>
            SafetensorsWriter.Write(path, [TensorToWrite.Rows("x", 2, 2, (i, _) => { if (i == 1) throw new InvalidOperationException(); })]));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_disk_that_is_full_or_absent_gives_a_sentence_and_leaves_nothing()
    {
        string path = _folder.File("o");
        var full = Assert.Throws<SparseRMException>(() => SafetensorsWriter.Write(path, [TensorToWrite.Rows("x", 1, 1, (_, _) => throw new IOException("No space left on device"))]));
        Assert.Contains("No space left on device", full.Message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
        Assert.Contains("folder does not exist", Assert.Throws<SparseRMException>(() => SafetensorsWriter.Write(_folder.File("no", "o"), [])).Message);
        Assert.StartsWith("/proc/", Assert.Throws<SparseRMException>(() => SafetensorsWriter.Write("/proc/sparserm", [])).Message);
    }

    [Fact]
    public void A_target_that_is_a_folder_is_refused_and_the_temporary_file_removed()
    {
        Directory.CreateDirectory(_folder.File("o"));
        Assert.Throws<SparseRMException>(() => SafetensorsWriter.Write(_folder.File("o"), []));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => TensorToWrite.Singles("x", new float[3], 2, 2));
        var one = TensorToWrite.Singles("x", new float[1], 1);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_folder.File("o"), [one, one]));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }
}
