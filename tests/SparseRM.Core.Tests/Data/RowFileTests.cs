using System.IO.Compression;
using System.Text;
using ParquetSharp;
using Encoding = System.Text.Encoding;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

/// <summary>Any range of rows is what reading the whole file gives, whatever it is packed in, and the index of a file that changed is never used.</summary>
public class RowFileTests
{
    private const int Rows = 3500;

    [Fact]
    public void A_range_of_jsonl_is_a_slice_of_the_whole()
    {
        using var folder = new TemporaryFolder();
        string path = Written(folder, "in.jsonl", Text());
        Slices(path);
        Assert.True(File.Exists(path + ".rows"));
        Assert.Equal(Rows, RowFile.Open(path).Count());
    }

    [Fact]
    public void A_range_of_packed_jsonl_is_a_slice_of_the_whole()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("in.jsonl.gz");
        using (var packed = new GZipStream(File.Create(path), CompressionLevel.Fastest)) packed.Write(Text());
        Slices(path);
        Assert.Equal(Rows, RowFile.Open(path).Count());
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_range_of_parquet_is_a_slice_of_the_whole_across_row_groups()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("in.parquet");
        using (var file = new ParquetFileWriter(path, [new Column<string>("text")]))
        {
            for (int start = 0; start < Rows; start += 700)
            {
                using var group = file.AppendRowGroup();
                using var column = group.NextColumn().LogicalWriter<string>();
                column.WriteBatch([.. Enumerable.Range(start, 700).Select(i => $"text {i}")]);
            }
            file.Close();
        }
        Slices(path);
        Assert.Equal(Rows, RowFile.Open(path).Count());
        Assert.Equal("""{"text":"text 1400"}""", Assert.Single(Read(path, new(1400, 1401))).Text);
    }

    [Fact]
    public void Data_that_changed_gets_a_new_index_and_a_damaged_index_is_named()
    {
        using var folder = new TemporaryFolder();
        string path = Written(folder, "in.jsonl", Text());
        Assert.Equal(Rows, RowFile.Open(path).Count());
        string before = Read(path, new(3000, 3001))[0].Text;
        File.WriteAllBytes(path, [.. "{\"text\": \"first\"}\n"u8, .. Text()[3..]]);
        Assert.Equal(Rows + 1, RowFile.Open(path).Count());
        Assert.Equal(before, Read(path, new(3001, 3002))[0].Text);

        var bytes = File.ReadAllBytes(path + ".rows");
        // An offset of the third entry, whose own checksum it breaks.
        bytes[80 + 2 * 24] ^= 1;
        File.WriteAllBytes(path + ".rows", bytes);
        var error = Assert.Throws<SparseRMException>(() => Read(path, new(2100, 2101)));
        Assert.Contains(".rows: is damaged; remove it", error.Message);
        // A header, or an end, that is not whole is made again.
        File.WriteAllBytes(path + ".rows", bytes[..^5]);
        Assert.Equal(before, Read(path, new(3001, 3002))[0].Text);
    }

    [Fact]
    public void Workers_that_make_the_index_at_once_agree()
    {
        using var folder = new TemporaryFolder();
        string path = Written(folder, "in.jsonl", Text());
        var found = new string[8];
        Parallel.For(0, found.Length, i => found[i] = Read(path, new(2500, 2501))[0].Text);
        Assert.Single(found.Distinct());
        Assert.Equal(["in.jsonl", "in.jsonl.rows"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \t\r\n\n")]
    public void A_file_without_rows_has_none(string text)
    {
        using var folder = new TemporaryFolder();
        string path = Written(folder, "in.jsonl", Encoding.UTF8.GetBytes(text));
        Assert.Equal(0, RowFile.Open(path).Count());
        Assert.Empty(Read(path, new(0, 5)));
        Assert.Empty(Read(path, new(5000, 6000)));
    }

    [Theory]
    [InlineData("0:5", 0, 5)]
    [InlineData(":5", 0, 5)]
    [InlineData("7:", 7, long.MaxValue)]
    public void A_range_is_read(string text, long start, long end)
    {
        Assert.Equal(new RowRange(start, end), RowRange.Parse(text));
        Assert.Equal(RowRange.Parse(text), RowRange.Parse(RowRange.Parse(text).ToString()));
    }

    [Theory]
    [InlineData("5")]
    [InlineData("5:5")]
    [InlineData("6:5")]
    [InlineData("-1:5")]
    [InlineData("0:5:6")]
    [InlineData("a:b")]
    [InlineData("0:99999999999999999999")]
    public void What_is_no_range_is_refused(string text) => Assert.Contains("is no range of rows", Assert.Throws<SparseRMException>(() => RowRange.Parse(text)).Message);

    // A byte order mark, blank lines, lines that are no JSON, a line longer than a read, and no line feed at the end.
    private static byte[] Text()
    {
        var text = new StringBuilder("\uFEFF");
        for (int i = 0; i < Rows; i++)
        {
            if (i % 97 == 3) text.Append(i % 2 == 0 ? "\n" : " \t\r\n");
            text.Append(i % 501 == 7 ? $"[{i}" : i == 1500 ? $"{{\"text\": \"{new string('x', 3 << 20)}\"}}" : $" {{\"text\": \"{i}\"}}\r").Append(i == Rows - 1 ? "" : "\n");
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Slices(string path)
    {
        var all = Read(path, new(0, long.MaxValue));
        Assert.Equal(Rows, all.Length);
        foreach (var (start, end) in new (int, int)[] { (0, 1), (0, 1024), (1023, 1026), (1024, 1024 + 1), (1499, 1502), (2047, 2049), (3400, Rows), (3499, 9999), (Rows, 9999), (9000, 9001) })
            Assert.Equal(all[Math.Min(start, Rows)..Math.Min(end, Rows)], Read(path, new(start, end)));
    }

    private static (long Line, string Text, bool IsBad)[] Read(string path, RowRange rows) =>
        [.. RowFile.Open(path).Read(rows).Select(row => (row.Line, Encoding.UTF8.GetString(row.Utf8), row is BadInput))];

    private static string Written(TemporaryFolder folder, string name, byte[] content)
    {
        File.WriteAllBytes(folder.File(name), content);
        return folder.File(name);
    }
}
