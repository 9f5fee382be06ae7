using System.Diagnostics;
using System.Net.Sockets;

namespace SparseRM.Farm.Tests;

/// <summary>A Redis server of this test alone, which keeps what it answered for.</summary>
internal sealed class RedisServer : IStore, IDisposable
{
    private readonly string _program = Tool.Find("redis-server", "whether a farm keeps its jobs in Redis stays unknown");
    private readonly TemporaryFolder _folder = new();
    private readonly int _port = TestFarm.FreePort();
    private Process _process;

    private readonly string[] _more;

    /// <param name="more">Further options of the server.</param>
    public RedisServer(params string[] more)
    {
        _more = more;
        _process = Start();
    }

    public string[] Place => ["--redis", $"127.0.0.1:{_port}"];

    /// <summary>Kills it, and starts it again after some time.</summary>
    public void Restart(TimeSpan gone)
    {
        TestFarm.Kill(_process);
        _process.Dispose();
        Thread.Sleep(gone);
        _process = Start();
    }

    public void Dispose()
    {
        TestFarm.Kill(_process);
        _process.Dispose();
        _folder.Dispose();
    }

    private Process Start()
    {
        var start = new ProcessStartInfo(_program,
            ["--port", $"{_port}", "--bind", "127.0.0.1", "--dir", _folder.Path, "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--logfile", _folder.File("log"), .. _more]);
        var process = Process.Start(start)!;
        for (var clock = Stopwatch.StartNew(); ; Thread.Sleep(20))
        {
            try
            {
                using var client = new TcpClient("127.0.0.1", _port);
                return process;
            }
            catch (SocketException) when (clock.Elapsed < TimeSpan.FromSeconds(30) && !process.HasExited)
            {
                // It does not listen yet.
            }
        }
    }
}
