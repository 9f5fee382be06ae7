using System.Buffers;
using System.Text.Json;
using ParquetSharp;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>
/// parquet: text, bytes that are text, numbers, booleans, and lists, structs and maps of them, put together as JSON. Columns and
/// children of other types are left out.
/// </summary>
internal static class ParquetRows
{
    /// <summary>How many rows the file says that it holds.</summary>
    public static long Count(string path, Stream stream)
    {
        using ParquetFileReader reader = Guard(path, () => new ParquetFileReader(stream, leaveOpen: true));
        return Guard(path, () => reader.FileMetaData.NumRows);
    }

    /// <summary>Rows of every row group in order, counted from 1.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="stream">The file.</param>
    /// <param name="skip">Rows that are passed over: whole row groups of them are not read.</param>
    public static IEnumerable<DataRow> Read(string path, Stream stream, long skip = 0)
    {
        using ParquetFileReader reader = Guard(path, () => new ParquetFileReader(stream, leaveOpen: true));
        (IReadOnlyList<ParquetNode> columns, int groups) = Guard(path, () => Open(reader));
        if (columns.Count == 0) throw new DataFormatException(path, 0, "has no column of texts, numbers or lists of them");
        long row = 0, most = Limits.UnpackedBytes(stream.Length), total = 0;
        var utf8 = new ArrayBufferWriter<byte>();
        for (int group = 0; group < groups; group++)
        {
            long rows = skip > row ? Guard(path, () => RowsOf(reader, group)) : 0;
            if (rows > 0 && row + rows <= skip)
            {
                row += rows;
                continue;
            }
            using Group open = Guard(path, () => new Group(reader, group, columns));
            while (Guard(path, () => open.Next(utf8)))
            {
                if ((total += utf8.WrittenCount) > most)
                    throw new DataFormatException(path, 0, $"holds over {Limits.Ratio} times as much text as its size; give it as jsonl");
                if (++row <= skip) continue;
                yield return DataRow.Of(path, row, Guard(path, () => JsonElement.Parse(utf8.WrittenSpan)), "row");
            }
        }
    }

    private static (IReadOnlyList<ParquetNode> Columns, int Groups) Open(ParquetFileReader reader)
    {
        FileMetaData file = reader.FileMetaData;
        return (ParquetNode.Of(file.Schema), file.NumRowGroups);
    }

    private static long RowsOf(ParquetFileReader reader, int group)
    {
        using RowGroupReader rows = reader.RowGroup(group);
        return rows.MetaData.NumRows;
    }

    // The package reports damage by whatever exception its decoders meet, so all of them mean the same here.
    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is DllNotFoundException || e.InnerException is DllNotFoundException)
        {
            throw new DataFormatException(path, 0, "parquet needs the native library of ParquetSharp beside the program; restore it, or give jsonl");
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(path, 0, $"is not a whole, readable parquet file ({e.Message}); fetch it again or give jsonl");
        }
        catch (Exception e) when (e is not SparseRMException)
        {
            throw new DataFormatException(path, 0, "is not a whole, readable parquet file; fetch it again or give jsonl");
        }
    }

    /// <summary>One row group with a cursor a column.</summary>
    private sealed class Group : IDisposable
    {
        private readonly RowGroupReader _rows;
        private readonly IReadOnlyList<ParquetNode> _columns;
        private readonly List<ColumnCursor> _cursors = [];
        private long _left;

        public Group(ParquetFileReader reader, int group, IReadOnlyList<ParquetNode> columns)
        {
            (_rows, _columns) = (reader.RowGroup(group), columns);
            try
            {
                _left = _rows.MetaData.NumRows;
                foreach (ParquetNode column in columns) _cursors.Add(ColumnCursor.Open(_rows, column));
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>Puts the next row into <paramref name="utf8"/> in place of what was there; false at the end.</summary>
        public bool Next(ArrayBufferWriter<byte> utf8)
        {
            if (_left-- <= 0) return false;
            utf8.ResetWrittenCount();
            using var json = new Utf8JsonWriter(utf8);
            json.WriteStartObject();
            for (int i = 0; i < _cursors.Count; i++)
            {
                json.WritePropertyName(_columns[i].Name);
                _cursors[i].Write(json);
                json.Flush();
                if (utf8.WrittenCount > Limits.LineBytes) throw new InvalidDataException("a row is longer than 64 MiB");
            }
            json.WriteEndObject();
            return true;
        }

        public void Dispose()
        {
            foreach (ColumnCursor cursor in _cursors) cursor.Dispose();
            _rows.Dispose();
        }
    }
}
