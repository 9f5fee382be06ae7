using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ParquetSharp;
using SparseRM.Data;

namespace SparseRM.Parts;

/// <summary>What a part's file holds, whatever packed it: two files of equal content have an equal hash.</summary>
internal static class PartContent
{
    private const int Batch = 1024;

    /// <summary>SHA-256 of the lines of jsonl, packed or not; of parquet, of every value of every row.</summary>
    /// <exception cref="IOException">The file is gone or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is not in this format.</exception>
    public static string Sha256(string path, RowFormat format)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16);
        if (format == RowFormat.Parquet) return OfTable(file);
        if (format == RowFormat.JsonLines) return Convert.ToHexStringLower(SHA256.HashData(file));
        using var lines = new GZipStream(file, CompressionMode.Decompress);
        return Convert.ToHexStringLower(SHA256.HashData(lines));
    }

    // Of each column the levels and the values, whatever row groups and pages they lie in.
    private static string OfTable(Stream file)
    {
        var hashes = new IncrementalHash[3 * ParquetPartWriter.Columns];
        for (int i = 0; i < hashes.Length; i++) hashes[i] = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            using var table = new ParquetFileReader(file, leaveOpen: true);
            if (table.FileMetaData.NumColumns != ParquetPartWriter.Columns) throw new InvalidDataException($"{table.FileMetaData.NumColumns} columns, not {ParquetPartWriter.Columns}");
            for (int i = 0; i < table.FileMetaData.NumRowGroups; i++)
            {
                using var group = table.RowGroup(i);
                Add<long>(group, 0, hashes, MemoryMarshal.AsBytes);
                Add<float>(group, 1, hashes, MemoryMarshal.AsBytes);
                Add<float>(group, 2, hashes, MemoryMarshal.AsBytes);
                Add<ByteArray>(group, 3, hashes, Bytes);
                Add<ByteArray>(group, 4, hashes, Bytes);
            }
            return Convert.ToHexStringLower(SHA256.HashData([.. hashes.SelectMany(hash => hash.GetHashAndReset())]));
        }
        catch (Exception error) when (error is ParquetException or InvalidCastException or OverflowException)
        {
            throw new InvalidDataException(error.Message, error);
        }
        finally
        {
            foreach (var hash in hashes) hash.Dispose();
        }
    }

    private static void Add<T>(RowGroupReader group, int index, IncrementalHash[] hashes, Func<ReadOnlySpan<T>, ReadOnlySpan<byte>> bytes)
        where T : unmanaged
    {
        using var column = (ColumnReader<T>)group.Column(index);
        var definitions = new short[Batch];
        var repetitions = new short[Batch];
        var values = new T[Batch];
        bool isOptional = column.ColumnDescriptor.MaxDefinitionLevel > 0, isList = column.ColumnDescriptor.MaxRepetitionLevel > 0;
        while (column.HasNext)
        {
            int levels = checked((int)column.ReadBatch(Batch, isOptional ? definitions : default, isList ? repetitions : default, values, out long count));
            if (isOptional) hashes[3 * index].AppendData(MemoryMarshal.AsBytes(definitions.AsSpan(0, levels)));
            if (isList) hashes[3 * index + 1].AppendData(MemoryMarshal.AsBytes(repetitions.AsSpan(0, levels)));
            hashes[3 * index + 2].AppendData(bytes(values.AsSpan(0, (int)count)));
        }
    }

    // Each with its length, so that no two lists of texts have the same bytes.
    private static ReadOnlySpan<byte> Bytes(ReadOnlySpan<ByteArray> texts)
    {
        var all = new ArrayBufferWriter<byte>();
        foreach (var text in texts)
        {
            BinaryPrimitives.WriteInt32LittleEndian(all.GetSpan(sizeof(int)), text.Length);
            all.Advance(sizeof(int));
            if (text.Length == 0) continue;
            byte[] copy = new byte[text.Length];
            Marshal.Copy(text.Pointer, copy, 0, copy.Length);
            all.Write(copy);
        }
        return all.WrittenSpan;
    }
}
