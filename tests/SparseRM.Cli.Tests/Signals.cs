using System.Diagnostics;
using System.Runtime.InteropServices;

namespace SparseRM.Cli.Tests;

/// <summary>Signals to a process that is still at work: a program that sends them may take longer to start than that takes to end.</summary>
internal static class Signals
{
    public const int Interrupt = 2, Terminate = 15;

    public static void Send(Process process, int signal) => Assert.Equal(0, Kill(process.Id, signal));

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
