using System.Text;

namespace SparseRM.CApi;

/// <summary>What there is once in a process: the open handles, and where the log goes.</summary>
internal static unsafe class Library
{
    private static readonly Lock s_gate = new();
    private static delegate* unmanaged[Cdecl]<void*, int, byte*, void> s_log;
    private static void* s_user;

    /// <summary>All open handles.</summary>
    public static HandleTable Handles { get; } = new();

    /// <summary>Sends the log to a callback, or nowhere.</summary>
    public static void LogTo(delegate* unmanaged[Cdecl]<void*, int, byte*, void> log, void* user)
    {
        lock (s_gate)
        {
            s_log = log;
            s_user = user;
        }
    }

    /// <summary>Logs one sentence: level 0 for what is good to know, 1 for a warning.</summary>
    public static void Log(int level, string sentence)
    {
        delegate* unmanaged[Cdecl]<void*, int, byte*, void> log;
        void* user;
        lock (s_gate)
        {
            log = s_log;
            user = s_user;
        }
        if (log is null) return;
        fixed (byte* text = Encoding.UTF8.GetBytes($"{sentence}\0")) log(user, level, text);
    }
}
