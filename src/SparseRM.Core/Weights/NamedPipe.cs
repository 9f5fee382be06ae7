using System.Runtime.InteropServices;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>Named pipes and sockets where a file is expected: to open one may wait for ever, and a rename would put a file in its place.</summary>
public static class NamedPipe
{
    // statx(2): 16 bits at 28 of what it writes hold the kind.
    private const int CurrentFolder = -100, KindAt = 28, KindMask = 0xF000, Pipe = 0x1000, Socket = 0xC000;
    private const uint WantsKind = 1;

    /// <summary>Whether a path leads to one. What lies below <c>/dev</c> and <c>/proc</c> is none: a shell's <c>&lt;(...)</c> has somebody at its other end.</summary>
    public static bool IsAt(string path)
    {
        var found = new byte[256];
        try
        {
            if (path.Contains('\0') || StatX(CurrentFolder, path, 0, WantsKind, found) != 0) return false;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false; // a C library that does not tell
        }
        return (BitConverter.ToUInt16(found, KindAt) & KindMask) is Pipe or Socket && !AtomicFile.IsDevice(Path.GetFullPath(path));
    }

    /// <summary>Refuses one where a file is read.</summary>
    /// <exception cref="SparseRMException">It is one.</exception>
    public static void Refuse(string path)
    {
        if (IsAt(path)) throw new SparseRMException($"{path}: is a named pipe or a socket, expected a file");
    }

    [DllImport("libc", EntryPoint = "statx")]
    private static extern int StatX(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] found);
}
