using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace SparseRM.Farm.Tests;

/// <summary>A silo that cannot be one says why, in one sentence and at once.</summary>
public class SiloTests
{
    [Fact]
    public void A_port_of_another_program_is_named_with_the_option_that_chooses_another()
    {
        // One that listens and says nothing; the clients' port is as good as the silos'.
        int port = TestFarm.FreePort();
        foreach (int taken in (int[])[port, port + 1])
        {
            using var other = new TcpListener(IPAddress.Loopback, taken);
            other.Start();
            using var farm = new TestFarm(null, rows: 1, port: port);
            string sentence = $"error: 127.0.0.1:{taken} is taken by another program, which is no silo of this kind; name another port with";
            Assert.Equal((1, $"{sentence} --port\n"), Said(farm.Refused()));
            Assert.Equal((1, $"{sentence} --cluster-port\n"),
                FleetProcess.Refused("--cluster-port", $"{port}", "--reward", SharedData.MiniWorld("reward.safetensors")));
            Assert.Equal((1, $"error: no silo answers at port {port + 1} of this machine; start one with `sparserm farm silo`, or name the farm as its silos do\n"), Said(farm.Try("status")));
        }
    }

    [Fact]
    public void An_address_that_is_not_this_machines_and_one_without_a_database_are_refused()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, rows: 1);
        var (code, error) = Said(farm.Refused("--address", "192.0.2.77"));
        Assert.Equal(1, code);
        Assert.StartsWith("error: --address: this machine cannot be reached at 192.0.2.77 (Cannot assign requested address); give one of its own addresses: 127.0.0.1", error);
        (code, error) = Said(farm.Refused("--address", "0.0.0.0"));
        Assert.Equal(1, code);
        Assert.StartsWith("error: --address: others cannot reach a machine at 0.0.0.0; give the address of this machine that they reach, one of 127.0.0.1", error);
        using var alone = new TestFarm(null, rows: 1);
        (code, error) = Said(alone.Refused("--address", "127.0.0.1"));
        Assert.Equal(2, code);
        Assert.Contains("--address is how other machines reach this one, and they need a database to find each other", error);
    }

    [Theory]
    [InlineData("--postgres", "Host=nowhere.invalid;Username=farm", "database", "Name or service not known")]
    [InlineData("--postgres", "Host=127.0.0.1;Port=1;Username=farm", "database", "Failed to connect to 127.0.0.1:1: Connection refused")]
    [InlineData("--redis", "nowhere.invalid", "Redis server", "nowhere.invalid:6379: Name or service not known")]
    [InlineData("--redis", "127.0.0.1:1", "Redis server", "127.0.0.1:1: Connection refused")]
    public void Of_a_store_that_is_not_there_the_cause_is_told(string option, string value, string store, string cause)
    {
        using var farm = new TestFarm(new Place(option, value), rows: 1);
        foreach (var (code, error) in ((int, string)[])[Said(farm.Refused()), Said(farm.Try("status"))])
        {
            Assert.Equal(1, code);
            Assert.StartsWith($"error: the farm's {store} cannot be used ({cause}); give ", error);
            Assert.Equal(1, error.Count(c => c == '\n'));
        }
    }

    [Fact]
    public void What_a_Redis_server_answers_is_told()
    {
        using var redis = new RedisServer("--requirepass", "secret");
        using var farm = new TestFarm(redis, rows: 1);
        Assert.Contains("cannot be used (NOAUTH ", Said(farm.Refused()).Error);
        using var wrong = new TestFarm(new Place("--redis", $"{redis.Place[1]},password=wrong"), rows: 1);
        Assert.Contains("cannot be used (WRONGPASS ", Said(wrong.Refused()).Error);
    }

    [Fact]
    public void Silos_that_begin_at_once_are_one_farm()
    {
        using var farm = new TestFarm(null, rows: 1);
        Process[] begun = [.. Enumerable.Range(0, 3).Select(_ => farm.Begin())];
        string[] ports = [.. begun.Select(process => farm.Ready(process).Line.Split(' ')[3])];
        Assert.Equal(3, ports.Distinct().Count());
    }

    [Fact]
    public void A_silo_with_another_lease_is_refused()
    {
        using var database = new Database();
        foreach (var store in (IStore?[])[null, database])
        {
            using var farm = new TestFarm(store, rows: 1);
            farm.Silo();
            Assert.Equal((1, "error: this one's --lease is 9 s, and that of those who are there is 6 s; start it with --lease 6\n"), Said(farm.Refused("--lease", "9"), last: true));
        }
    }

    [Fact]
    public async Task Where_a_new_first_silo_comes_those_of_the_old_one_end_with_a_sentence()
    {
        using var farm = new TestFarm(null, rows: 1);
        var first = farm.Silo();
        var (survivor, _, rest) = farm.Ready(farm.Begin());
        TestFarm.Kill(first);
        farm.Silo();
        Assert.True(survivor.WaitForExit(60_000));
        Assert.Equal(1, survivor.ExitCode);
        Assert.Contains("error: this member's cluster is gone with the first one, which kept it in memory", await rest);
    }

    // Where the others answer late, a silo is a member before it knows.
    private static (int Code, string Error) Said((int Code, string Out, string Error) ended, bool last = false) =>
        (ended.Code, last ? ended.Error[ended.Error.LastIndexOf("error:", StringComparison.Ordinal)..] : ended.Error);

    private sealed record Place(params string[] Words) : IStore
    {
        string[] IStore.Place => Words;
    }
}
