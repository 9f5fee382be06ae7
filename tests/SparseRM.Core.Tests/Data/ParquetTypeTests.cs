using System.Runtime.InteropServices;
using ParquetSharp;
using ParquetSharp.Schema;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;
using Encoding = System.Text.Encoding;

namespace SparseRM.Core.Tests.Data;

/// <summary>Types of parquet columns, as written by Arrow's own writer.</summary>
public sealed class ParquetTypeTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(8, true, -100, "-100")]
    [InlineData(16, true, -30000, "-30000")]
    [InlineData(32, true, int.MinValue, "-2147483648")]
    [InlineData(32, false, -1, "4294967295")]
    [InlineData(8, false, 200, "200")]
    public void Whole_numbers_of_32_bits_and_less_are_read(int bits, bool signed, int value, string expected)
        => Assert.Equal(expected, Read(new PrimitiveNode("id", Repetition.Required, LogicalType.Int(bits, signed), PhysicalType.Int32), value).Id);

    [Theory]
    [InlineData(true, long.MinValue, "-9223372036854775808")]
    [InlineData(false, -1, "18446744073709551615")]
    public void Whole_numbers_of_64_bits_are_read(bool signed, long value, string expected)
        => Assert.Equal(expected, Read(new PrimitiveNode("id", Repetition.Required, LogicalType.Int(64, signed), PhysicalType.Int64), value).Id);

    [Theory]
    [InlineData(12345, 2, "123.45")]
    [InlineData(-5, 3, "-0.005")]
    [InlineData(7, 0, "7")]
    public void Decimals_are_numbers(int unscaled, int scale, string expected)
        => Assert.Equal(expected, Read(new PrimitiveNode("id", Repetition.Required, LogicalType.Decimal(9, scale), PhysicalType.Int32), unscaled).Id);

    [Fact]
    public void Columns_of_types_that_no_dialogue_uses_are_left_out()
    {
        Assert.Null(Read(new PrimitiveNode("id", Repetition.Required, LogicalType.Date(), PhysicalType.Int32), 3).Id);
        Assert.Null(Read(new PrimitiveNode("id", Repetition.Required, LogicalType.Timestamp(true, ParquetSharp.TimeUnit.Millis), PhysicalType.Int64), 3L).Id);
    }

    [Fact]
    public void Bytes_without_a_type_are_text_where_they_are_utf8()
    {
        Assert.Equal("é", Read(new PrimitiveNode("id", Repetition.Required, LogicalType.None(), PhysicalType.ByteArray), Bytes("é"u8)).Id);
        byte[] latin = Encoding.Latin1.GetBytes("é");
        Assert.Contains("row 1: field 'id' holds bytes that are not UTF-8 text", Assert.Throws<DataFormatException>(
            () => Read(new PrimitiveNode("id", Repetition.Required, LogicalType.None(), PhysicalType.ByteArray), Bytes(latin))).Message);
        // An unused column of images, say, costs nothing.
        Assert.Equal("q", Read(new PrimitiveNode("picture", Repetition.Required, LogicalType.None(), PhysicalType.ByteArray), Bytes(latin)).Prompt[0].Content);
    }

    [Fact]
    public void Bytes_of_a_fixed_length_are_text_too()
    {
        GCHandle pinned = GCHandle.Alloc("seven"u8.ToArray(), GCHandleType.Pinned);
        var column = new PrimitiveNode("id", Repetition.Required, LogicalType.None(), PhysicalType.FixedLenByteArray, 5);
        Assert.Equal("seven", Read(column, writer => ((ColumnWriter<FixedLenByteArray>)writer).WriteBatch([new FixedLenByteArray(pinned.AddrOfPinnedObject())])).Id);
        pinned.Free();
    }

    [Fact]
    public void Rows_beyond_a_batch_and_in_several_groups_keep_their_order()
    {
        string path = Path.Combine(_folder.Root, "many.parquet");
        using (var file = new ParquetFileWriter(path, [new Column<string>("prompt"), new Column<string>("chosen"), new Column<string[]>("tags"), new Column<string>("rejected")]))
        {
            for (int group = 0; group < 3; group++)
            {
                using RowGroupWriter rows = file.AppendRowGroup();
                Write(rows, i => $"q{group}.{i}");
                Write(rows, i => $"a{i}");
                Write(rows, i => Enumerable.Range(0, i % 4).Select(n => $"t{n}").ToArray());
                Write(rows, i => $"b{i}");
            }
            file.Close();
        }
        PreferenceSet set = PreferenceFile.Read(path);
        Assert.Equal(7500, set.Items.Count);
        Assert.Equal(("q1.1500", "a1500", "b1500", 4001L), (set.Items[4000].Prompt[0].Content, set.Items[4000].Chosen[0][0].Content, set.Items[4000].Rejected[0][0].Content, set.Items[4000].Line));

        static void Write<T>(RowGroupWriter rows, Func<int, T> value)
        {
            using LogicalColumnWriter<T> column = rows.NextColumn().LogicalWriter<T>();
            column.WriteBatch([.. Enumerable.Range(0, 2500).Select(value)]);
        }
    }

    [Fact]
    public void Text_far_beyond_the_files_size_is_refused()
    {
        string path = Path.Combine(_folder.Root, "bomb.parquet");
        string answer = new('x', 1 << 20);
        using (var file = new ParquetFileWriter(path, [new Column<string>("prompt"), new Column<string>("chosen"), new Column<string>("rejected")]))
        {
            using RowGroupWriter rows = file.AppendRowGroup();
            foreach (string text in (string[])["q", answer, "b"])
                using (LogicalColumnWriter<string> column = rows.NextColumn().LogicalWriter<string>()) column.WriteBatch([.. Enumerable.Repeat(text, 200)]);
            file.Close();
        }
        Assert.Contains("holds over 100 times as much text as its size", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
    }

    private static byte[] Bytes(ReadOnlySpan<byte> bytes) => bytes.ToArray();

    private PreferenceItem Read<T>(PrimitiveNode column, T value) where T : unmanaged => Read(column, writer => ((ColumnWriter<T>)writer).WriteBatch([value]));

    private PreferenceItem Read(PrimitiveNode column, byte[] value)
    {
        GCHandle pinned = GCHandle.Alloc(value, GCHandleType.Pinned);
        try
        {
            return Read(column, writer => ((ColumnWriter<ByteArray>)writer).WriteBatch([new ByteArray(pinned.AddrOfPinnedObject(), value.Length)]));
        }
        finally
        {
            pinned.Free();
        }
    }

    private PreferenceItem Read(PrimitiveNode column, Action<ColumnWriter> write)
    {
        string path = Path.Combine(_folder.Root, "types.parquet");
        Node[] texts = [.. ((string[])["prompt", "chosen", "rejected"]).Select(name => new PrimitiveNode(name, Repetition.Required, LogicalType.String(), PhysicalType.ByteArray))];
        using (var schema = new GroupNode("schema", Repetition.Required, [.. texts, column]))
        using (var properties = new WriterPropertiesBuilder().Compression(Compression.Zstd).Build())
        using (var file = new ParquetFileWriter(path, schema, properties))
        {
            using (RowGroupWriter rows = file.AppendRowGroup())
            {
                foreach (string text in (string[])["q", "a", "b"])
                    using (ColumnWriter writer = rows.NextColumn())
                    {
                        GCHandle pinned = GCHandle.Alloc(Encoding.UTF8.GetBytes(text), GCHandleType.Pinned);
                        ((ColumnWriter<ByteArray>)writer).WriteBatch([new ByteArray(pinned.AddrOfPinnedObject(), 1)]);
                        pinned.Free();
                    }
                using (ColumnWriter writer = rows.NextColumn()) write(writer);
            }
            file.Close();
        }
        return Assert.Single(PreferenceFile.Read(path).Items);
    }
}
