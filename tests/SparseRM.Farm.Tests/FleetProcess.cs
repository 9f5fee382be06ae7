using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace SparseRM.Farm.Tests;

/// <summary>A member of a fleet as a process of the real command line, on MiniWorld.</summary>
internal sealed class FleetProcess : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(100) };

    private FleetProcess(Process process, Task<string> said) => (_process, Said) = (process, said);

    /// <summary>What it says once it serves, until it ends.</summary>
    public Task<string> Said { get; }

    public Process Process => _process;

    /// <summary>Where it serves.</summary>
    public string Listen => _client.BaseAddress!.Authority;

    /// <summary>Starts one and waits until it serves.</summary>
    public static FleetProcess Start(params string[] args)
    {
        var process = Run(args);
        var said = new List<string>();
        while (process.StandardError.ReadLine() is { } line)
        {
            said.Add(line);
            if (!line.StartsWith("serving ", StringComparison.Ordinal)) continue;
            return new FleetProcess(process, process.StandardError.ReadToEndAsync()) { _client = { BaseAddress = new Uri(line[(line.IndexOf(" at http", StringComparison.Ordinal) + 4)..]) } };
        }
        throw new InvalidOperationException($"the server ended: {string.Join('\n', said)}");
    }

    /// <summary>Starts one that must end by itself; its exit code and what it said.</summary>
    public static (int Code, string Error) Refused(params string[] args)
    {
        using var process = Run(args);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    public async Task<(HttpStatusCode Status, string Text)> Send(HttpMethod method, string path, string? body = null, (string Name, string Value)? header = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        if (header is var (name, value)) request.Headers.Add(name, value);
        using var response = await _client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Posts what must succeed.</summary>
    public async Task<JsonElement> Post(string path, string body)
    {
        var (status, text) = await Send(HttpMethod.Post, path, body);
        Assert.True(status == HttpStatusCode.OK, $"{(int)status}: {text}");
        return JsonElement.Parse(text);
    }

    /// <summary>The score of one answer, and the reward file that gave it.</summary>
    public async Task<(float Score, string Fingerprint)> Score(string prompt, string response)
    {
        var answer = await Post("/v1/rewards", JsonSerializer.Serialize(new { prompt, response }));
        return (answer.GetProperty("results")[0].GetProperty("score").GetSingle(), answer.GetProperty("fingerprint").GetString()!);
    }

    /// <summary>A value of <c>/metrics</c>.</summary>
    public async Task<double> Metric(string name) => (await Send(HttpMethod.Get, "/metrics")).Text.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ')
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    /// <summary>Waits until it knows of so many members that get requests, itself among them.</summary>
    public async Task Knows(int members)
    {
        var clock = Stopwatch.StartNew();
        while (await Metric("sparserm_fleet_members") is var count && count != members)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"{count} members instead of {members}");
            await Task.Delay(50);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            TestFarm.Signal(_process, "CONT");
            TestFarm.Kill(_process);
        }
        _process.Dispose();
        _client.Dispose();
    }

    private static Process Run(string[] args) => Process.Start(new ProcessStartInfo("dotnet",
        [
            "exec", Path.Combine(AppContext.BaseDirectory, "sparserm.dll"), "serve", "--model", SharedData.MiniWorld("model"), "--cluster", "--lease", "6", "--threads", "1",
            .. args.Contains("--listen") ? (string[])[] : ["--listen", "127.0.0.1:0"], .. args,
        ])
    { RedirectStandardError = true })!;
}
