using System.Diagnostics;
using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Benchmarking.Serving;

/// <summary>A server of the demo in a process of its own, which is told to stop at the end.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _client;
    private readonly List<HttpSocket> _sockets = [];

    private ServerProcess(Process process, Uri address) => (_process, _client) = (process, new HttpClient { BaseAddress = address });

    /// <summary>Where it listens.</summary>
    public Uri Address => _client.BaseAddress!;

    /// <summary>Starts <c>serve --demo</c> of the same program on a free port.</summary>
    /// <param name="arguments">What comes beside.</param>
    public static ServerProcess Start(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardError = true };
        // The program itself, or `dotnet program.dll`.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (string argument in (string[])["serve", "--demo", "--listen", "127.0.0.1:0", .. arguments]) start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        while (process.StandardError.ReadLine() is { } line)
        {
            int at = line.IndexOf(" at http", StringComparison.Ordinal);
            if (!line.StartsWith("serving ", StringComparison.Ordinal) || at < 0) continue;
            _ = process.StandardError.ReadToEndAsync();
            return new ServerProcess(process, new Uri(line[(at + 4)..]));
        }
        process.WaitForExit();
        throw new SparseRMException(ErrorKind.Internal, $"the server ended with code {process.ExitCode} before it listened; run `sparserm serve --demo` to see why");
    }

    /// <summary>Processor time of the server so far, in s.</summary>
    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>Its resident memory, in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Opens a connection for each client.</summary>
    public void Connect(int clients)
    {
        while (_sockets.Count < clients) _sockets.Add(new HttpSocket(Address));
    }

    /// <summary>Posts a body to <c>/v1/rewards</c> and checks that its input has a score.</summary>
    /// <param name="body">JSON.</param>
    /// <param name="client">Whose connection.</param>
    public async Task Post(byte[] body, int client)
    {
        var answer = await _sockets[client].AskAsync(HttpSocket.Post("/v1/rewards", body), CancellationToken.None).ConfigureAwait(false);
        if (answer.Status != 200 || answer.Body.AsSpan().IndexOf("\"score\":"u8) < 0)
            throw new SparseRMException(ErrorKind.Internal, $"the server answered {answer.Status}: {System.Text.Encoding.UTF8.GetString(answer.Body)}");
    }

    /// <summary>A counter of <c>/metrics</c>.</summary>
    public async Task<long> Metric(string name) => (long)double.Parse((await _client.GetStringAsync("/metrics").ConfigureAwait(false)).Split('\n')
        .First(line => line.StartsWith($"{name}{{", StringComparison.Ordinal)).Split(' ')[^1], CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.Dispose();
        foreach (var socket in _sockets) socket.Dispose();
        using (var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"])) kill.WaitForExit();
        if (!_process.WaitForExit(10_000)) _process.Kill();
        _process.Dispose();
    }
}
