using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace SparseRM.Farm.Tests;

/// <summary>What keeps a farm's members and jobs.</summary>
internal interface IStore
{
    /// <summary>The options that name it.</summary>
    string[] Place { get; }
}

/// <summary>A PostgreSQL server of this test alone, in a folder that is gone afterwards.</summary>
internal sealed class Database : IStore, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _initdb, _control, _data;
    private readonly string _address;
    private readonly int _port;

    /// <param name="address">Where it is reached.</param>
    public Database(string address = "127.0.0.1")
    {
        _address = address;
        (_initdb, _control) = (Find("initdb"), Find("pg_ctl"));
        _data = _folder.File("data");
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            _port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        Directory.CreateDirectory(_data);
        if (IsRoot)
        {
            // PostgreSQL refuses to run as root.
            Run("chmod", "755", _folder.Path);
            Run("chown", "nobody", _data);
        }
        As(_initdb, "-D", _data, "-U", "farm", "-A", "trust", "-N", "--no-locale", "-E", "UTF8");
        File.AppendAllText(Path.Combine(_data, "pg_hba.conf"), "host all all 10.77.0.0/16 trust\n");
        Start();
    }

    /// <summary>For <c>--postgres</c>.</summary>
    public string Connection => $"Host={_address};Port={_port};Database=postgres;Username=farm;Timeout=5";

    public string[] Place => ["--postgres", Connection];

    /// <summary>Stops it at once, as a machine that loses its power would, and starts it again after some time.</summary>
    public void Restart(TimeSpan gone)
    {
        As(_control, "-D", _data, "-m", "immediate", "stop");
        Thread.Sleep(gone);
        Start();
    }

    public void Dispose()
    {
        As(_control, "-D", _data, "-m", "immediate", "stop");
        _folder.Dispose();
    }

    // Debian keeps a server's programs off the PATH.
    private static string Find(string program)
    {
        const string Debian = "/usr/lib/postgresql";
        string? found = Directory.Exists(Debian) ? Directory.GetDirectories(Debian).Select(version => Path.Combine(version, "bin", program)).Where(File.Exists).Max() : null;
        return found ?? Tool.Find(program, "whether a farm keeps its jobs in a database stays unknown");
    }

    private static bool IsRoot => Environment.UserName == "root";

    private void Start() =>
        As(_control, "-D", _data, "-w", "-l", Path.Combine(_data, "log"), "-o", $"-p {_port} -c listen_addresses={_address} -c unix_socket_directories=''", "start");

    private static void As(string program, params string[] arguments)
    {
        if (IsRoot) Run("runuser", ["-u", "nobody", "--", program, .. arguments]);
        else Run(program, arguments);
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", program, .. arguments]) { WorkingDirectory = "/" })!;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}");
    }
}
