using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using ParquetSharp;
using SparseRM.Data;

namespace SparseRM.Parts;

/// <summary>What a part's file holds, whatever packed it: two files of equal content have an equal hash.</summary>
internal static class PartContent
{
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

    private static string OfTable(Stream file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            using var table = new ParquetFileReader(file, leaveOpen: true);
            if (table.FileMetaData.NumColumns != ParquetPartWriter.Columns) throw new InvalidDataException($"{table.FileMetaData.NumColumns} columns, not {ParquetPartWriter.Columns}");
            for (int i = 0; i < table.FileMetaData.NumRowGroups; i++)
            {
                using var group = table.RowGroup(i);
                int rows = checked((int)group.MetaData.NumRows);
                long[] numbers = Column<long>(group, 0, rows);
                float?[] score = Column<float?>(group, 1, rows);
                float?[]?[] scores = Column<float?[]?>(group, 2, rows);
                string?[] errors = Column<string?>(group, 3, rows), lines = Column<string?>(group, 4, rows);
                for (int row = 0; row < rows; row++)
                {
                    Add(hash, numbers[row]);
                    Add(hash, score[row]);
                    Add(hash, scores[row]?.Length ?? -1);
                    foreach (float? one in scores[row] ?? []) Add(hash, one);
                    Add(hash, errors[row]);
                    Add(hash, lines[row]);
                }
            }
        }
        catch (Exception error) when (error is ParquetException or InvalidCastException or OverflowException)
        {
            throw new InvalidDataException(error.Message, error);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static T[] Column<T>(RowGroupReader group, int column, int rows)
    {
        using var reader = group.Column(column);
        using var values = reader.LogicalReader<T>();
        return values.ReadAll(rows);
    }

    private static void Add(IncrementalHash hash, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        hash.AppendData(bytes);
    }

    // No float's bits are this number.
    private static void Add(IncrementalHash hash, float? value) => Add(hash, value is { } score ? BitConverter.SingleToUInt32Bits(score) : -1L);

    private static void Add(IncrementalHash hash, string? value)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(value ?? "");
        Add(hash, value is null ? -1L : bytes.Length);
        hash.AppendData(bytes);
    }
}
