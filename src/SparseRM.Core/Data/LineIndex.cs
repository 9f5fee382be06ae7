using System.Buffers.Binary;
using System.Security.Cryptography;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Data;

/// <summary>Where every 1,024th row of a jsonl file begins, kept in a file beside it, so that a row is found without reading all before it.</summary>
/// <remarks>
/// The file is <c>NAME.rows</c>: a header (mark, size and time of the data, a hash of its first and last 64 KiB, number of rows, checksum), then 24 bytes an
/// entry: byte offset, line number and a checksum of its own, all little-endian. It is made once and renamed into place, so that workers that make it at
/// the same time leave the same file. Where the data's folder cannot be written it lies in another that the caller names.
/// </remarks>
internal sealed class LineIndex
{
    /// <summary>Rows from one entry to the next.</summary>
    public const int Stride = 1024;

    private const int HeaderBytes = 80, EntryBytes = 24, EdgeBytes = 1 << 16;
    private readonly string _data, _path;
    private readonly byte[] _header;

    private LineIndex(string data, string path, byte[] header) => (_data, _path, _header) = (data, path, header);

    /// <summary>Rows of the data file.</summary>
    public long Rows => BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(56));

    /// <summary>Finds the index, or makes it.</summary>
    /// <param name="data">The jsonl file.</param>
    /// <param name="otherFolder">Where the index lies if the data's own folder cannot be written; null for nowhere.</param>
    /// <param name="progress">Told of the bytes read while it is made.</param>
    /// <param name="cancel">Checked while it is made.</param>
    /// <exception cref="SparseRMException">It can be written nowhere.</exception>
    public static LineIndex Open(string data, string? otherFolder, IProgress<long>? progress, CancellationToken cancel)
    {
        string full = AtomicFile.Target(data), beside = AtomicFile.Beside(full, ".rows");
        string[] places = otherFolder is null ? [beside] : [beside, Path.Combine(otherFolder, Path.GetFileName(beside))];
        byte[] facts = Facts(full);
        foreach (string place in places)
            if (Known(place, facts) is { } header) return new LineIndex(data, place, header);
        SparseRMException? failure = null;
        foreach (string place in places)
        {
            try
            {
                AtomicFile.Write(place, stream => Build(full, facts, stream, progress, cancel));
                if (Known(place, Facts(full)) is { } header) return new LineIndex(data, place, header);
                throw new DataFormatException(data, 0, "changed while it was read; wait until it is whole");
            }
            catch (SparseRMException error) when (error is not DataFormatException)
            {
                failure ??= error;
            }
        }
        throw failure!;
    }

    /// <summary>The last entry at or before a row.</summary>
    /// <returns>The row it is of, where that begins and on which line, from 1.</returns>
    /// <exception cref="SparseRMException">The index is damaged.</exception>
    public (long Row, long Offset, long Line) Before(long row)
    {
        if (Rows == 0) return (0, 0, 1);
        long entry = Math.Min(row, Rows - 1) / Stride;
        Span<byte> bytes = stackalloc byte[EntryBytes];
        using var file = File.OpenHandle(_path);
        int read = RandomAccess.Read(file, bytes, HeaderBytes + entry * EntryBytes);
        if (read < EntryBytes || BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]) != Check(bytes[..16], entry))
            throw new SparseRMException($"{_path}: is damaged; remove it, it is made again from {_data}");
        return (entry * Stride, BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]));
    }

    private static byte[]? Known(string path, byte[] facts)
    {
        try
        {
            using var file = File.OpenHandle(path);
            var header = new byte[HeaderBytes];
            if (RandomAccess.Read(file, header, 0) < HeaderBytes || !header.AsSpan(0, facts.Length).SequenceEqual(facts)) return null;
            if (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(72)) != Check(header.AsSpan(0, 72), 0)) return null;
            long rows = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(56));
            return RandomAccess.GetLength(file) == HeaderBytes + (rows + Stride - 1) / Stride * EntryBytes ? header : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Mark, size, time and edges of the data: the first 56 bytes of a header.
    private static byte[] Facts(string data)
    {
        var facts = new byte[56];
        using var file = new FileStream(data, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        "SRMROWS1"u8.CopyTo(facts);
        BinaryPrimitives.WriteInt64LittleEndian(facts.AsSpan(8), file.Length);
        BinaryPrimitives.WriteInt64LittleEndian(facts.AsSpan(16), File.GetLastWriteTimeUtc(data).Ticks);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var edge = new byte[EdgeBytes];
        hash.AppendData(edge, 0, file.ReadAtLeast(edge, edge.Length, throwOnEndOfStream: false));
        file.Position = Math.Max(0, file.Length - EdgeBytes);
        hash.AppendData(edge, 0, file.ReadAtLeast(edge, edge.Length, throwOnEndOfStream: false));
        hash.GetHashAndReset().CopyTo(facts.AsSpan(24));
        return facts;
    }

    private static void Build(string data, byte[] facts, Stream index, IProgress<long>? progress, CancellationToken cancel)
    {
        index.Write(new byte[HeaderBytes]);
        long rows = 0, line = 1, lineStart = 0, at = 0;
        bool isRow = false;
        using var file = new FileStream(data, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        var block = new byte[1 << 20];
        Span<byte> entry = stackalloc byte[EntryBytes];
        for (int n; (n = file.Read(block)) > 0; at += n)
        {
            cancel.ThrowIfCancellationRequested();
            progress?.Report(at);
            // A byte order mark is not text; whether it is split over two reads does not matter, since a first read of a file has three bytes or all.
            int start = at == 0 && block.AsSpan(0, n).StartsWith("\uFEFF"u8) ? 3 : 0;
            while (start < n)
            {
                int length = block.AsSpan(start, n - start).IndexOf((byte)'\n');
                int end = length < 0 ? n : start + length;
                if (!isRow && block.AsSpan(start, end - start).IndexOfAnyExcept(JsonLines.Blanks) >= 0)
                {
                    isRow = true;
                    if (rows++ % Stride == 0) index.Write(Entry(entry, lineStart, line, (rows - 1) / Stride));
                }
                start = end + 1;
                if (length < 0) break;
                (isRow, lineStart) = (false, at + start);
                line++;
            }
        }
        var header = new byte[HeaderBytes];
        facts.CopyTo(header, 0);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(56), rows);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(64), Stride);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(72), Check(header.AsSpan(0, 72), 0));
        index.Position = 0;
        index.Write(header);
    }

    private static Span<byte> Entry(Span<byte> entry, long offset, long line, long number)
    {
        BinaryPrimitives.WriteInt64LittleEndian(entry, offset);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], line);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], Check(entry[..16], number));
        return entry;
    }

    // The first 8 bytes of SHA-256 over the bytes and the entry's number.
    private static ulong Check(ReadOnlySpan<byte> bytes, long number)
    {
        Span<byte> all = stackalloc byte[HeaderBytes], digest = stackalloc byte[32];
        bytes.CopyTo(all);
        BinaryPrimitives.WriteInt64LittleEndian(all[bytes.Length..], number);
        SHA256.HashData(all[..(bytes.Length + 8)], digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }
}
