using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary><c>serve</c> as a process: signals, logs that cannot be written, what it refuses.</summary>
public sealed class ServeTests
{
    private const string Body = """{"prompt": "Q", "response": "A"}""";

    [Fact]
    public void Bad_usage_is_said_before_anything_is_opened()
    {
        Cli.Run("serve").Failed(2, "--model and --reward, or --demo");
        Cli.Run("serve", "--demo", "--model", "x").Failed(2, "--demo serves its own model");
        Cli.Run("serve", "--demo", "--listen", "8000").Failed(2, "--listen: '8000'");
        Cli.Run("serve", "--demo", "--listen", "0.0.0.0:0").Failed(2, "can be reached from other machines");
        Cli.Run("serve", "--model", "x", "--reward", "a=").Failed(2, "neither a file nor NAME=FILE");
    }

    [Fact]
    public void A_reward_file_that_is_not_there_is_named() =>
        Cli.Run("serve", "--model", SharedData.MiniWorld("model"), "--reward", "none.safetensors").Failed(1, "none.safetensors: there is no such reward file");

    [Fact]
    public async Task TERM_answers_what_was_accepted_and_ends_well()
    {
        using var served = Served.Start();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 400).Select(i => $"{i} the cat and the dog and the cat and the dog"));
        var slow = served.Post($$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}]}""");
        await served.UntilRunning();
        served.Signal("TERM");
        var answer = await slow;
        Assert.Equal(400, answer.GetProperty("results")[0].GetProperty("results").GetArrayLength());
        Assert.Equal(0, served.WaitForExit());
    }

    [Fact]
    public async Task A_server_that_was_killed_starts_again_with_the_same_scores()
    {
        float Score(JsonElement answer) => answer.GetProperty("results")[0].GetProperty("score").GetSingle();
        float before;
        using (var served = Served.Start())
        {
            before = Score(await served.Post(Body));
            served.Signal("KILL");
            served.WaitForExit();
        }
        using var again = Served.Start();
        Assert.Equal(before, Score(await again.Post(Body)));
    }

    [Fact]
    public async Task HUP_reads_the_reward_again_and_a_broken_one_is_not_taken()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("r.safetensors");
        File.Copy(SharedData.MiniWorld("reward.safetensors"), path);
        using var served = Served.Start("serve", "--model", SharedData.MiniWorld("model"), "--reward", $"r={path}", "--listen", "127.0.0.1:0");
        string before = (await served.Post(Body)).GetProperty("fingerprint").GetString()!;
        File.WriteAllText(path, "half");
        served.Signal("HUP");
        await served.Until("stays as it was");
        Assert.Equal(before, (await served.Post(Body)).GetProperty("fingerprint").GetString());
        File.Copy(SharedData.MiniWorld("reward.safetensors"), path, overwrite: true);
        served.Signal("HUP");
        await served.Until("was read again");
        Assert.Equal(before, (await served.Post(Body)).GetProperty("fingerprint").GetString());
    }

    /// <summary>A server of the demo on a free port.</summary>
    private sealed class Served : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _said = new();
        private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };

        private Served(Process process) => _process = process;

        public static Served Start(params string[] args)
        {
            Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
            var served = new Served(Cli.Start(new CliInput(), args.Length > 0 ? args : ["serve", "--demo", "--listen", "127.0.0.1:0"]));
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

        /// <summary>Waits until a request was taken up.</summary>
        public async Task UntilRunning()
        {
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(30); await Task.Delay(2))
            {
                string metrics = await _client.GetStringAsync("/metrics");
                // The one that asks is one itself.
                if (metrics.Split('\n').Any(line => line.StartsWith("sparserm_requests_running ", StringComparison.Ordinal) && !line.EndsWith(" 1", StringComparison.Ordinal))) return;
            }
            throw new InvalidOperationException("no request was taken up");
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
}
