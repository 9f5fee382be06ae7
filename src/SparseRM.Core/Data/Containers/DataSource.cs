using System.IO.Compression;
using System.Security.Cryptography;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>The bytes of a data file or of standard input, opened once, hashed, and unpacked on the fly where they are gzip.</summary>
internal sealed class DataSource : IDisposable
{
    private readonly Stream _raw;

    private DataSource(string path, Stream raw, bool hash, bool check = true)
    {
        (Path, _raw) = (path, raw);
        Hash = hash ? Convert.ToHexStringLower(SHA256.HashData(raw)) : "";
        if (raw.CanSeek)
        {
            raw.Position = 0;
            IsGzip = raw.ReadByte() == 0x1F && raw.ReadByte() == 0x8B;
            if (IsGzip && check) Gzip.RefuseTruncated(path, raw);
        }
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        Extension = System.IO.Path.GetExtension(name).ToLowerInvariant();
    }

    /// <summary>The path as the user gave it; "-" is standard input.</summary>
    public string Path { get; }

    /// <summary>Lower-case extension with its dot, without <c>.gz</c>.</summary>
    public string Extension { get; }

    /// <summary>SHA-256 of the bytes as they lie in the file, packed or not, in lower-case hex; empty for <see cref="OpenStream"/>.</summary>
    public string Hash { get; }

    /// <summary>True where the file was found by the name of its split, which its rows therefore do not have to say.</summary>
    public bool IsOfSplit { get; private init; }

    /// <summary>True where the bytes are gzip.</summary>
    public bool IsGzip { get; }

    /// <summary>Opens <paramref name="path"/>, or the file of a split in a folder; what cannot be sought in (standard input, a pipe) is read into memory.</summary>
    public static DataSource Open(string path, string? split = null)
    {
        bool isFolder = path != "-" && Directory.Exists(path);
        string file = isFolder ? SplitFolder.FileOf(path, split) : path;
        return Open(file, raw => new DataSource(file, raw.CanSeek ? raw : InMemory(file, raw), hash: true) { IsOfSplit = isFolder && split is not null });
    }

    /// <summary>True where any place of the bytes can be gone to.</summary>
    public bool CanSeek => _raw.CanSeek;

    /// <summary>Opens <paramref name="path"/> to be read once from its beginning: a pipe hands on what has come so far, unless it is packed.</summary>
    /// <param name="path">The file; "-" is standard input.</param>
    /// <param name="check">Whether a packed file is unpacked to see that it is whole.</param>
    public static DataSource OpenStream(string path, bool check = true) => Open(path, raw =>
    {
        if (raw.CanSeek) return new DataSource(path, raw, hash: false, check);
        var peeked = new PeekedStream(raw);
        return new DataSource(path, peeked.StartsWith(0x1F, 0x8B) ? InMemory(path, peeked) : peeked, hash: false);
    });

    /// <summary>The unpacked bytes from the start; good until the next call.</summary>
    public Stream Rewind()
    {
        if (_raw.CanSeek) _raw.Position = 0;
        return IsGzip ? new GZipStream(_raw, CompressionMode.Decompress, leaveOpen: true) : _raw;
    }

    public void Dispose() => _raw.Dispose();

    private static DataSource Open(string path, Func<Stream, DataSource> open)
    {
        if (path != "-" && Directory.Exists(path)) throw new DataFormatException(path, 0, "is a folder; give the data file in it");
        Stream? raw = null;
        try
        {
            raw = path == "-" ? StandardInput.Open() : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return open(raw);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            raw?.Dispose();
            string problem = e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : $"cannot be read ({e.Message.TrimEnd('.')})";
            throw new DataFormatException(path, 0, problem);
        }
        catch
        {
            raw?.Dispose();
            throw;
        }
    }

    private static MemoryStream InMemory(string path, Stream pipe)
    {
        using (pipe)
        {
            var copy = new MemoryStream();
            var block = new byte[1 << 16];
            for (int n; (n = pipe.Read(block)) > 0;)
            {
                if (copy.Length + n > Limits.WholeFileBytes) throw new DataFormatException(path, 0, "is over 1 GiB; give a file instead of a pipe");
                copy.Write(block, 0, n);
            }
            copy.Position = 0;
            return copy;
        }
    }
}
