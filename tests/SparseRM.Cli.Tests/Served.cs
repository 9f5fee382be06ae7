using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>A server of the demo on a free port.</summary>
internal sealed class Served : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };

    private Served(Process process) => _process = process;

    public static Served Start(params string[] args) => Start(new CliInput(), args);

    /// <summary>Likewise, where nothing that it says can be heard.</summary>
    public static async Task<Served> StartUnheard(string rest)
    {
        using var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        string program = Path.Combine(AppContext.BaseDirectory, "sparserm.dll");
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"exec dotnet exec '{program}' serve --demo --listen 127.0.0.1:{port} {rest}"]);
        var served = new Served(Process.Start(start)!);
        served._client.BaseAddress = new Uri($"http://127.0.0.1:{port}");
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            try
            {
                (await served._client.GetAsync("/health")).EnsureSuccessStatusCode();
                return served;
            }
            catch (HttpRequestException) when (clock.Elapsed < TimeSpan.FromSeconds(30) && !served._process.HasExited)
            {
                // It does not listen yet.
            }
        }
    }

    public static Served Start(CliInput input, params string[] args)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        var served = new Served(Cli.Start(input, args.Length > 0 ? args : ["serve", "--demo", "--listen", "127.0.0.1:0"]));
        while (served._process.StandardError.ReadLine() is { } line)
        {
            if (!line.StartsWith("serving ", StringComparison.Ordinal))
            {
                served._said.AppendLine(line);
                continue;
            }
            served._client.BaseAddress = new Uri(line[(line.IndexOf(" at http", StringComparison.Ordinal) + 4)..]);
            _ = Task.Run(() =>
            {
                while (served._process.StandardError.ReadLine() is { } later)
                    lock (served._said) served._said.AppendLine(later);
            });
            return served;
        }
        throw new InvalidOperationException(served._said.ToString());
    }

    public async Task<JsonElement> Post(string body)
    {
        using var response = await _client.PostAsync("/v1/rewards", new StringContent(body));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Waits until so many requests were taken up.</summary>
    public async Task UntilRunning(int count)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(30); await Task.Delay(2))
        {
            string metrics = await _client.GetStringAsync("/metrics");
            string running = metrics.Split('\n').First(line => line.StartsWith("sparserm_requests_running ", StringComparison.Ordinal));
            // The one that asks is one itself.
            if (int.Parse(running.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) > count) return;
        }
        throw new InvalidOperationException($"not {count} requests were taken up");
    }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    public async Task Until(string said)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(30); await Task.Delay(20))
        {
            lock (_said)
                if (_said.ToString().Contains(said, StringComparison.Ordinal)) return;
        }
        Assert.Fail($"'{said}' was never logged: {_said}");
    }

    public int WaitForExit()
    {
        Assert.True(_process.WaitForExit(30_000), "the server did not end");
        return _process.ExitCode;
    }

    public void Dispose()
    {
        _client.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
