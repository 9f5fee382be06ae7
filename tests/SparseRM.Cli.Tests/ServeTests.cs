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
        Cli.Run("serve", "--demo", "--listen", "0.0.0.0:0").Failed(2, "can be reached from other machines, and no key is set; give --api-key FILE, or --insecure");
        Cli.Run("serve", "--demo", "--api-key", "/nope").Failed(2, "--api-key: /nope does not exist, expected a file that holds the key");
        Cli.Run("serve", "--demo", "--api-key", "/").Failed(2, "--api-key: / is a folder, expected a file that holds the key");
        Cli.Run("serve", "--demo", "--tls-key", "x").Failed(2, "--tls-certificate and --tls-key go together");
        Cli.Run("serve", "--model", "x", "--reward", "a=").Failed(2, "neither a file nor NAME=FILE");
        Cli.Run("serve", "--demo", "--traces", "nowhere").Failed(2, "--traces: 'nowhere' is not the address of a collector");
        Cli.Run("bench", "serve", "--minutes", "1", "--seconds", "2").Failed(2, "--minutes is another run than --seconds");
    }

    [Fact]
    public void A_reward_file_that_is_not_there_is_named() =>
        Cli.Run("serve", "--model", SharedData.MiniWorld("model"), "--reward", "none.safetensors").Failed(1, "none.safetensors: there is no such reward file");

    [Fact]
    public void A_port_that_is_taken_is_said_in_one_sentence()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var result = Cli.Run("serve", "--demo", "--listen", $"{taken.LocalEndpoint}");
        result.Failed(1, $"{taken.LocalEndpoint} cannot be listened on");
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task TERM_under_load_answers_what_was_accepted_and_ends_well()
    {
        using var served = Served.Start();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 100).Select(i => $"{i} the cat and the dog and the cat and the dog"));
        var slow = Enumerable.Range(0, 8).Select(_ => served.Post($$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}]}""")).ToArray();
        await served.UntilRunning(slow.Length);
        served.Signal("TERM");
        foreach (var answer in await Task.WhenAll(slow)) Assert.Equal(100, answer.GetProperty("results")[0].GetProperty("results").GetArrayLength());
        Assert.Equal(0, served.WaitForExit());
    }

    [Fact]
    public void A_short_load_with_slow_cut_and_half_closed_clients_loses_nothing()
    {
        var result = Cli.Run("bench", "serve", "--clients", "16", "--minutes", "0.06", "--json").Json();
        Assert.Equal((0, 0), (result.GetProperty("lost").GetInt32(), result.GetProperty("wrong").GetInt32()));
        foreach (var sort in result.GetProperty("clients").EnumerateArray())
        {
            Assert.True(sort.GetProperty(sort.GetProperty("name").GetString() == "cut" ? "left" : "right").GetInt64() > 0, $"{sort}");
            Assert.Equal(sort.GetProperty("requests").GetInt64(), sort.GetProperty("right").GetInt64() + sort.GetProperty("left").GetInt64());
        }
    }

    [Fact]
    public void The_ratios_of_a_load_are_for_programs_too()
    {
        var result = Cli.Run("bench", "serve", "--clients", "4", "--seconds", "0.5", "--json").Json();
        var loads = result.GetProperty("loads").EnumerateArray().ToDictionary(load => load.GetProperty("name").GetString()!);
        double Of(string load, string key) => loads[load].GetProperty(key).GetDouble();
        void Is(double expected, string key) => Assert.Equal(expected, result.GetProperty(key).GetDouble(), expected * 1e-9);
        Is(Of("server, ids", "tokens_per_cpu_second") / Of("engine", "tokens_per_cpu_second"), "server_to_engine_per_cpu_second");
        Is(Of("server, text", "tokens_per_second") / Of("server, ids", "tokens_per_second"), "text_to_ids");
        Is(Of("server, ids", "p99_ms") / Of("server, ids", "p50_ms"), "p99_to_p50");
        Assert.Equal(JsonValueKind.Number, result.GetProperty("added_latency_ms").ValueKind);
    }

    [Fact]
    public async Task A_full_disk_for_logs_stops_no_score()
    {
        Assert.SkipUnless(File.Exists("/dev/full") && File.Exists("/bin/sh"), "needs /dev/full and sh");
        using var served = await Served.StartUnheard("--log-requests 2> /dev/full");
        for (int i = 0; i < 3; i++)
        {
            float score = (await served.Post(Body)).GetProperty("results")[0].GetProperty("score").GetSingle();
            Assert.True(float.IsFinite(score));
            await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => served.Post("{")); // a refusal, which is logged
        }
        served.Signal("TERM");
        Assert.Equal(0, served.WaitForExit());
    }

    [Theory]
    [InlineData("--deadline 1e300", "--deadline: '1e300' is not a number above 0, up to 86400")]
    [InlineData("--max-body-mib 2000", "--max-body-mib: '2000' is not a whole number from 1 to 1024")]
    [InlineData("--prefix-cache-mib 2000000000", "--prefix-cache-mib: '2000000000' is not a whole number from 0 to ")]
    public void Limits_that_are_out_of_range_are_refused(string args, string problem) => Cli.Run(["serve", "--demo", .. args.Split(' ')]).Failed(2, problem);

    [Fact]
    public async Task Deadlines_run_on_when_the_clock_jumps()
    {
        string? faker = ((string[])["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1"]).FirstOrDefault(File.Exists);
        Assert.SkipWhen(faker is null, "needs libfaketime (Debian's package faketime), which moves a process's clock");
        using var folder = new TemporaryFolder();
        string clock = folder.File("clock");
        File.WriteAllText(clock, "+0");
        using var served = Served.Start(new CliInput
        {
            Environment = { ["LD_PRELOAD"] = faker, ["FAKETIME_TIMESTAMP_FILE"] = clock, ["FAKETIME_NO_CACHE"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["NO_FAKE_STAT"] = "1" }, // files keep their times when a clock jumps
        }, "serve", "--demo", "--listen", "127.0.0.1:0", "--deadline", "60");
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 300).Select(i => $"{i} the cat and the dog and the cat and the dog"));
        foreach (string jump in (string[])["+3000d", "-3000d", "+0"])
        {
            var running = served.Post($$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}]}""");
            File.WriteAllText(clock, jump);
            Assert.Equal(300, (await running).GetProperty("results")[0].GetProperty("results").GetArrayLength());
            long created = (await served.Post(Body)).GetProperty("created").GetInt64();
            // The clock did jump: what is told to people is its time.
            Assert.Equal(jump == "+0" ? 0 : jump[0] == '+' ? 3000 : -3000, (DateTimeOffset.FromUnixTimeSeconds(created) - DateTimeOffset.UtcNow).TotalDays, 1.0);
        }
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
}
