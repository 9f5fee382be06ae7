using System.Buffers;
using System.Text.Json;
using Parquet;
using Parquet.Data;
using Parquet.Schema;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>parquet: text, numbers, booleans, and lists and structs of them, put together as JSON; columns of other types are left out.</summary>
internal static class ParquetRows
{
    /// <summary>Rows of every row group in order, counted from 1.</summary>
    public static IEnumerable<DataRow> Read(string path, Stream stream)
    {
        ParquetReader reader = Guard(path, () =>
        {
            ParquetFooter.Check(stream);
            return ParquetReader.CreateAsync(stream).GetAwaiter().GetResult();
        });
        long row = 0;
        try
        {
            (Field[] fields, int groups) = Guard(path, () => (reader.Schema.Fields.Where(IsReadable).ToArray(), reader.RowGroupCount));
            for (int group = 0; group < groups; group++)
                foreach (JsonElement value in Guard(path, () => ReadGroup(reader, group, fields)))
                    yield return DataRow.Of(path, ++row, value, "row");
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static List<JsonElement> ReadGroup(ParquetReader reader, int group, Field[] fields)
    {
        using ParquetRowGroupReader rows = reader.OpenRowGroupReader(group);
        ColumnCursor[] columns = [.. fields.Select(field => ColumnCursor.Open(rows, field))];
        var result = new List<JsonElement>();
        var utf8 = new ArrayBufferWriter<byte>();
        for (long row = 0; row < rows.RowCount; row++)
        {
            utf8.ResetWrittenCount();
            using (var json = new Utf8JsonWriter(utf8))
            {
                json.WriteStartObject();
                for (int i = 0; i < fields.Length; i++)
                {
                    json.WritePropertyName(fields[i].Name);
                    columns[i].Write(json);
                }
                json.WriteEndObject();
            }
            result.Add(JsonElement.Parse(utf8.WrittenSpan));
        }
        return result;
    }

    private static bool IsReadable(Field field) => field switch
    {
        DataField leaf => !leaf.IsArray && ColumnCursor.IsReadable(leaf.ClrType),
        ListField list => IsReadable(list.Item),
        StructField group => group.Fields.Count > 0 && group.Fields.All(IsReadable),
        _ => false,
    };

    // The package reports damage by whatever exception its decoders meet, so all of them mean the same here.
    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not SparseRMException)
        {
            throw new DataFormatException(path, 0, "is not a whole, readable parquet file; fetch it again or give jsonl");
        }
    }
}
