using Microsoft.Win32.SafeHandles;

namespace SparseRM.Fitting;

/// <summary>Hidden states on disk, so that a killed run resumes and a second fit on the same data needs no forward pass.</summary>
/// <remarks>
/// One append-only file in the given folder; in memory only each entry's offset. Every entry carries checksums: one that is half-written or damaged is never
/// believed, only computed again. The first process to open the folder writes; one that comes while it is open reads what is there and keeps its own states in
/// memory (<see cref="IsReadOnly"/>), and so does one whose disk is full or folder read-only: a cache never fails a run. Thread-safe.
/// </remarks>
public sealed class HiddenStateCache : IDisposable
{
    /// <summary>Name of the file in the cache's folder.</summary>
    public const string FileName = "hidden-states-1.cache";

    private readonly Lock _lock = new();
    private readonly Dictionary<HiddenStateKey, (long Offset, int Count)> _entries = [];
    private readonly Dictionary<HiddenStateKey, float[]> _unwritten = [];
    private readonly SafeFileHandle? _file;
    private readonly FileStream? _writerLock;
    private long _end;

    private HiddenStateCache(SafeFileHandle? file, FileStream? writerLock, string? problem)
    {
        (_file, _writerLock, WriteProblem) = (file, writerLock, problem);
        if (file is null) return;
        _end = Walk(file);
        // What follows the last whole entry is a killed writer's: cut off, so that new entries stay reachable.
        if (writerLock is not null && RandomAccess.GetLength(file) > _end) Guarded(() => RandomAccess.SetLength(file, _end));
    }

    /// <summary>Opens the cache of a folder, making the folder where it is missing. Never fails for the state of the disk: see <see cref="WriteProblem"/>.</summary>
    public static HiddenStateCache Open(string folder)
    {
        string path = Path.Combine(folder, FileName);
        FileStream? writerLock = null;
        string? problem = null;
        try
        {
            Directory.CreateDirectory(folder);
            // The system drops the lock with the process, however it dies.
            writerLock = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problem = $"{path}: another run is writing it, or it cannot be written ({error.Message}); hidden states of this run are kept in memory only.";
        }
        try
        {
            var file = writerLock is null
                ? File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)
                : File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
            return new HiddenStateCache(file, writerLock, problem);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            writerLock?.Dispose();
            return new HiddenStateCache(null, null, problem ?? $"{path}: cannot be opened ({error.Message}); hidden states of this run are kept in memory only.");
        }
    }

    /// <summary>Why states are kept in memory only, as a sentence for the user; null while the file is written.</summary>
    public string? WriteProblem { get; private set; }

    /// <summary>Whether states are kept in memory only.</summary>
    public bool IsReadOnly => WriteProblem is not null;

    /// <summary>States that can be asked for (a damaged one counts until it is asked for).</summary>
    public int Count
    {
        get { lock (_lock) return _entries.Count + _unwritten.Count; }
    }

    /// <summary>Copies a cached state; false when there is none of this key and width, or its entry is damaged.</summary>
    public bool TryGet(HiddenStateKey key, Span<float> state)
    {
        lock (_lock)
        {
            if (_unwritten.TryGetValue(key, out var kept) && kept.Length == state.Length)
            {
                kept.CopyTo(state);
                return true;
            }
            if (_file is null || !_entries.TryGetValue(key, out var entry) || entry.Count != state.Length) return false;
            var bytes = new byte[HiddenStateEntry.SizeOf(entry.Count)];
            if (ReadFully(_file, bytes, entry.Offset) && HiddenStateEntry.TryDecode(bytes, key, state)) return true;
            _entries.Remove(key);
            return false;
        }
    }

    /// <summary>Appends a state; one that is there already is not written twice.</summary>
    public void Add(HiddenStateKey key, ReadOnlySpan<float> state)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var known) && known.Count == state.Length) return;
            if (!IsReadOnly)
            {
                byte[] bytes = HiddenStateEntry.Encode(key, state);
                if (Guarded(() => RandomAccess.Write(_file!, bytes, _end)))
                {
                    _entries[key] = (_end, state.Length);
                    _end += bytes.Length;
                    return;
                }
            }
            _unwritten[key] = state.ToArray();
        }
    }

    /// <summary>Has the system write everything to the disk itself.</summary>
    public void Flush()
    {
        lock (_lock)
            if (!IsReadOnly) Guarded(() => RandomAccess.FlushToDisk(_file!));
    }

    /// <summary>Flushes, closes the file and lets another process write it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_file is { IsClosed: false }) Flush();
            _file?.Dispose();
            _writerLock?.Dispose();
        }
    }

    /// <summary>Indexes the entries from the start to the first that is not whole; returns where that is.</summary>
    private long Walk(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file), offset = 0;
        var header = new byte[HiddenStateEntry.HeaderSize];
        while (ReadFully(file, header, offset) && HiddenStateEntry.TryReadHeader(header, out var key, out int count))
        {
            long size = HiddenStateEntry.SizeOf(count);
            if (offset + size > length) break;
            _entries[key] = (offset, count);
            offset += size;
        }
        return offset;
    }

    /// <summary>Runs a write; on failure the cache writes no more, since what follows a torn entry could not be found again.</summary>
    private bool Guarded(Action write)
    {
        try
        {
            write();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            WriteProblem = $"the cache of hidden states cannot be written ({error.Message}); hidden states of this run are kept in memory only.";
            return false;
        }
    }

    private static bool ReadFully(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        try
        {
            for (int done = 0; done < bytes.Length;)
            {
                int got = RandomAccess.Read(file, bytes[done..], offset + done);
                if (got == 0) return false;
                done += got;
            }
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
