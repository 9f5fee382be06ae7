using CsCheck;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class NpzFileTests : IDisposable
{
    private const string Pair = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private NpzFile Opened(byte[] bytes) => NpzFile.Open(_folder.Write("t.npz", bytes));

    private string Refusal(byte[] bytes, Action<NpzFile>? use = null)
    {
        string message = Assert.Throws<ModelFormatException>(() =>
        {
            var file = Opened(bytes);
            use?.Invoke(file);
        }).Message;
        Assert.StartsWith(_folder.File("t.npz") + ": ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static byte[] One(bool deflated = false) => ZipBytes.Of(deflated, ("a.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, -2))));

    [Fact]
    public void A_written_file_says_the_earliest_time_that_a_zip_can()
    {
        NpzWriter.Write(_folder.File("w.npz"), [TensorToWrite.Singles("a", new float[] { 1, -2 }, 2)]);
        using var zip = System.IO.Compression.ZipFile.OpenRead(_folder.File("w.npz"));
        Assert.Equal(new DateTime(1980, 1, 1), Assert.Single(zip.Entries).LastWriteTime.DateTime);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_stored_and_deflated_members(bool deflated)
    {
        var file = Opened(One(deflated));
        var slice = file.Take("a", 2);
        Assert.Equal(deflated, slice.FileOffset < 0);
        Assert.Equal([1f, -2f], slice.ReadSingles());
        Assert.Equal([1f, -2f], slice.ReadSingles());
        Assert.Empty(file.Untaken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Reads_every_version_of_the_header(byte version)
        => Assert.Equal([1f, -2f], Opened(ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, -2), version)))).Take("a", 2).ReadSingles());

    [Fact]
    public void Reads_other_types_scalars_and_other_orders_of_fields()
    {
        var file = Opened(ZipBytes.Of(false,
            ("h.npy", ZipBytes.Npy("""{"shape": (1, 1), "descr": "<f2", "fortran_order": True}""", [0, 0x3C])),
            ("k.npy", ZipBytes.Npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}", [7, 0, 0, 0, 0, 0, 0, 0]))));
        Assert.Equal([1f], file.Take("h", 1, 1).ReadSingles());
        Assert.Equal([7L], file.Take("k").ReadIntegers());
    }

    [Fact]
    public void A_matrix_in_fortran_order_is_given_as_it_lies()
    {
        byte[] bytes = ZipBytes.Of(false, ("a.npy", ZipBytes.Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", ZipBytes.Floats(1, 2, 3, 4, 5, 6))));
        var (slice, transposed) = Opened(bytes).TakeMatrix("a");
        Assert.True(transposed);
        Assert.Equal([3L, 2L], slice.Shape);
        Assert.Contains("fortran order", Refusal(bytes, file => file.Take("a")));
        byte[] cube = ZipBytes.Of(false, ("a.npy", ZipBytes.Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 1), }", ZipBytes.Floats(1, 2, 3, 4, 5, 6))));
        Assert.Contains("fortran order and has 3 dimensions", Refusal(cube, file => file.TakeMatrix("a")));
    }

    [Fact]
    public void Reads_zip64_sizes_and_directories_and_refuses_what_contradicts_them()
    {
        byte[] zip = ZipBytes.Zip64(One());
        var slice = Opened(zip).Take("a", 2);
        Assert.Equal([1f, -2f], slice.ReadSingles());
        int at = ZipBytes.Central(zip) + 46 + "a.npy".Length;
        Assert.Contains("zip64 field that is too short", Refusal(ZipBytes.With(zip, at + 2, 20)));
        Assert.Contains("no zip64 sizes", Refusal(ZipBytes.With(zip, at, 2)));
        Assert.Contains("does not fit into the file", Refusal(ZipBytes.With(zip, at + 4 + 7, 0x80)));
        Assert.Contains("two sizes differ", Refusal(ZipBytes.With(zip, at + 4, 1)));
        Assert.Contains("zip64 directory does not fit", Refusal(ZipBytes.With(zip, ZipBytes.End(zip) - 20 + 8, 0xFF, 0xFF)));
    }

    [Theory]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", "element type >f4")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "element type |O")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "not a dict of descr")]
    [InlineData("nonsense", "not a dict of descr")]
    [InlineData("{", "not a dict of descr")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "does not fit its shape")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "does not fit its shape")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }", "does not fit its shape")]
    public void Refuses_other_headers(string header, string expected)
        => Assert.Contains(expected, Refusal(ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(header, ZipBytes.Floats(1, 2))))));

    [Fact]
    public void Refuses_members_that_are_no_arrays()
    {
        Assert.Contains("is not a .npy array", Refusal(ZipBytes.Of(false, ("a.txt", [1]))));
        Assert.Contains("is not a .npy array", Refusal(ZipBytes.Of(false, ("a.npy", [1, 2, 3, 4, 5, 6, 7, 8, 9]))));
        Assert.Contains("is not a .npy array", Refusal(ZipBytes.Of(false, ("a.npy", []))));
        Assert.Contains(".npy version 4", Refusal(ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(Pair, [], 4)))));
        Assert.Contains("ends inside its .npy header", Refusal(ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(Pair, [])[..20]))));
        Assert.Contains("has a .npy header of", Refusal(ZipBytes.Of(false, ("a.npy", [0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF]))));
        Assert.Contains("no array \"b\"", Refusal(One(), file => file.Take("b")));
    }

    [Fact]
    public void Refuses_duplicates() => Assert.Contains("member \"a.npy\" twice", Refusal(ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, 2))), ("a.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, 2))))));

    [Fact]
    public void Refuses_an_empty_file() => Assert.Contains("is empty", Refusal([]));

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(100)]
    public void Refuses_truncated_files(int length) => Assert.Contains("not a complete zip file", Refusal(One()[..length]));

    [Fact]
    public void Refuses_a_file_whose_last_byte_is_missing() => Assert.Contains("not a complete zip file", Refusal(One()[..^1]));

    [Fact]
    public void Refuses_encryption_and_other_methods()
    {
        byte[] zip = One();
        int at = ZipBytes.Central(zip);
        Assert.Contains("\"a.npy\" is encrypted", Refusal(ZipBytes.With(zip, at + 8, 1)));
        Assert.Contains("compressed by method 12", Refusal(ZipBytes.With(zip, at + 10, 12)));
    }

    [Fact]
    public void Refuses_sizes_that_lie()
    {
        byte[] zip = One(), packed = One(deflated: true);
        int at = ZipBytes.Central(zip), packedAt = ZipBytes.Central(packed);
        Assert.Contains("two sizes differ", Refusal(ZipBytes.With(zip, at + 24, 1)));
        Assert.Contains("does not fit into the file", Refusal(ZipBytes.With(zip, at + 20, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F)));
        Assert.Contains("more than", Refusal(ZipBytes.With(packed, packedAt + 24, 0xFF, 0xFF, 0xFF, 0x7F)));
        Assert.Contains("does not fit its shape", Refusal(ZipBytes.With(packed, packedAt + 24, (byte)(packed[packedAt + 24] + 4))));
        Assert.Contains("not where the zip directory says", Refusal(ZipBytes.With(zip, at + 42, 1)));
        Assert.Contains("no zip64 sizes", Refusal(ZipBytes.With(zip, at + 42, 0xFF, 0xFF, 0xFF, 0xFF)));
        Assert.Contains("directory does not fit", Refusal(ZipBytes.With(zip, ZipBytes.End(zip) + 12, 0xFF, 0xFF, 0xFF, 0x7F)));
        Assert.Contains("directory does not fit", Refusal(ZipBytes.With(zip, ZipBytes.End(zip) + 10, 9)));
        Assert.Contains("zip64 directory is missing", Refusal(ZipBytes.With(zip, ZipBytes.End(zip) + 10, 0xFF, 0xFF)));
        Assert.Contains("longer than its entries", Refusal(ZipBytes.With(zip, ZipBytes.End(zip) + 10, 0)));
    }

    [Fact]
    public void Refuses_members_that_overlap()
    {
        byte[] zip = ZipBytes.Of(false, ("a.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, 2))), ("b.npy", ZipBytes.Npy(Pair, ZipBytes.Floats(1, 2))));
        int first = ZipBytes.Central(zip), second = ZipBytes.Central(zip, 1);
        byte[] edited = ZipBytes.With(zip, second + 42, zip[(first + 42)..(first + 46)]);
        edited[second + 46] = (byte)'A'; // other name in the directory only: refused for its local header
        Assert.Contains("not where the zip directory says", Refusal(edited));
        byte[] longer = ZipBytes.With(zip, first + 20, [(byte)(zip[first + 20] + 40), zip[first + 21], 0, 0, (byte)(zip[first + 24] + 40), zip[first + 25]]);
        Assert.Contains("overlaps another", Refusal(longer));
    }

    [Fact]
    public void Refuses_deflated_members_that_are_corrupt_or_fail_their_crc()
    {
        byte[] zip = One(deflated: true);
        int at = ZipBytes.Central(zip);
        Assert.Contains("fails its CRC-32", Refusal(ZipBytes.With(zip, at + 16, 1, 2, 3, 4), file => file.Take("a").ReadSingles()));
        Assert.Contains("not a valid deflate stream", Refusal(ZipBytes.With(zip, 30 + "a.npy".Length, 0xFF, 0xFF)));
    }

    [Fact]
    public void Refuses_a_deflated_member_that_holds_more_than_is_declared()
    {
        byte[] zip = ZipBytes.Of(true, ("a.npy", ZipBytes.Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", new byte[12])));
        int at = ZipBytes.Central(zip);
        byte[] bomb = ZipBytes.With(zip, at + 24, (byte)(zip[at + 24] - 4));
        Assert.Contains("holds more than", Refusal(bomb, file => file.Take("a").ReadSingles()));
    }

    [Fact]
    public void Any_corruption_is_refused_in_one_way()
    {
        foreach (bool deflated in new[] { false, true })
        {
            byte[] good = One(deflated);
            Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 4].Sample(edits =>
            {
                byte[] bytes = [.. good];
                foreach (var (at, value) in edits) bytes[at] = value;
                try
                {
                    var file = Opened(bytes);
                    foreach (string name in file.Names)
                    {
                        using var stream = file.TakeMatrix(name).Slice.OpenRead();
                        stream.CopyTo(Stream.Null);
                    }
                }
                catch (ModelFormatException)
                {
                    return;
                }
            }, iter: 500, threads: 1);
        }
    }
}
