using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace SparseRM.Benchmarking.Ab;

/// <summary>What a process that runs a stranger's code holds of its parent: lines that are only its own, and an end with it.</summary>
/// <remarks>Opened before any such code is loaded: what that prints goes to standard error, and where it hangs the process still ends when its input does.</remarks>
public sealed class ChildEnd : IDisposable
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(2);
    private readonly BlockingCollection<string> _lines = [];
    private readonly StreamWriter _output;

    private ChildEnd(SafeFileHandle output) => _output = new StreamWriter(new FileStream(output, FileAccess.Write), new UTF8Encoding(false)) { AutoFlush = true };

    /// <summary>Takes standard input and output for itself.</summary>
    public static ChildEnd Open()
    {
        var child = new ChildEnd(new SafeFileHandle(Duplicate(1), ownsHandle: true));
        Redirect(2, 1);
        new Thread(child.ReadLines) { IsBackground = true, Name = "parent" }.Start();
        return child;
    }

    /// <summary>Tells the parent a line.</summary>
    public void Say(string line) => _output.WriteLine(line);

    /// <summary>The parent's next line; null where it has no more.</summary>
    public string? Hear() => _lines.TryTake(out string? line, Timeout.Infinite) ? line : null;

    /// <inheritdoc/>
    public void Dispose() => _output.Dispose();

    private void ReadLines()
    {
        while (Console.In.ReadLine() is { } line) _lines.Add(line);
        _lines.CompleteAdding();
        // Whoever waits for a line ends now; whoever is stuck in other code does not.
        Thread.Sleep(s_grace);
        Process.GetCurrentProcess().Kill();
    }

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int file);

    [DllImport("libc", EntryPoint = "dup2")]
    private static extern int Redirect(int from, int to);
}
