namespace SparseRM.Farm.Tests;

/// <summary>Machines of their own as the network sees them: network namespaces at one bridge, any two of which can be cut from each other alone.</summary>
internal sealed class Network : IDisposable
{
    private readonly string _ip = Tool.Find("ip", "whether a farm outlives a cut between two silos stays unknown"), _name = $"srm{Environment.ProcessId % 100_000}";
    private readonly int _net = Environment.ProcessId % 250;
    private readonly int _machines;

    public Network(int machines)
    {
        _machines = machines;
        if (Tool.Run(_ip, "link", "add", _name, "type", "bridge") is (not 0, var said)) Assert.Skip($"no network can be made here ({said.Trim()}): whether a farm outlives a cut between two silos stays unknown");
        Ip("addr", "add", $"{Host}/24", "dev", _name);
        Ip("link", "set", _name, "up");
        for (int i = 0; i < machines; i++)
        {
            Ip("netns", "add", Namespace(i));
            Ip("link", "add", $"{_name}v{i}", "type", "veth", "peer", "name", "eth0", "netns", Namespace(i));
            Ip("link", "set", $"{_name}v{i}", "master", _name, "up");
            Ip("-n", Namespace(i), "link", "set", "lo", "up");
            Ip("-n", Namespace(i), "link", "set", "eth0", "up");
            Ip("-n", Namespace(i), "addr", "add", $"{Address(i)}/24", "dev", "eth0");
        }
    }

    /// <summary>Where all machines reach this one.</summary>
    public string Host => $"10.77.{_net}.1";

    /// <summary>Where the others reach a machine.</summary>
    public string Address(int machine) => $"10.77.{_net}.{10 + machine}";

    /// <summary>What a command begins with that is to run on a machine.</summary>
    public string[] On(int machine) => [_ip, "netns", "exec", Namespace(machine)];

    /// <summary>Lets nothing through between two machines, in either direction; what was sent is lost without a word at one of them.</summary>
    public void Cut(int one, int other) => Ip("-n", Namespace(one), "route", "add", "blackhole", Address(other));

    /// <summary>Lets all through again.</summary>
    public void Mend(int one, int other) => Ip("-n", Namespace(one), "route", "del", "blackhole", Address(other));

    public void Dispose()
    {
        for (int i = 0; i < _machines; i++) Tool.Run(_ip, "netns", "del", Namespace(i));
        Tool.Run(_ip, "link", "del", _name);
    }

    private string Namespace(int machine) => $"{_name}n{machine}";

    private void Ip(params string[] arguments)
    {
        var (code, said) = Tool.Run(_ip, arguments);
        Assert.True(code == 0, $"ip {string.Join(' ', arguments)}: {said}");
    }
}
