using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using SparseRM.Errors;

namespace SparseRM.Farm.Clusters;

/// <summary>Where a silo listens, kept from other silos of its kind until it is disposed: Orleans shares its ports, so that two that begin at once would both be the first.</summary>
internal sealed class SiloPorts : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30), s_pause = TimeSpan.FromMilliseconds(50);
    private readonly Socket _claim;

    private SiloPorts(IPAddress address, int silo, int gateway, bool isFirst, Socket claim) => (Address, Silo, Gateway, IsFirst, _claim) = (address, silo, gateway, isFirst, claim);

    /// <summary>The address under which others reach it.</summary>
    public IPAddress Address { get; }

    /// <summary>The port for other silos.</summary>
    public int Silo { get; }

    /// <summary>The port for clients.</summary>
    public int Gateway { get; }

    /// <summary>Whether it keeps the members and jobs of a farm that has no database.</summary>
    public bool IsFirst { get; }

    /// <summary>Chooses ports that are free, or those that a farm without a database is found by.</summary>
    /// <exception cref="SparseRMException">The address is not this machine's; another program is where the first silo would be; the first silo does not come to listen.</exception>
    public static async Task<SiloPorts> ChooseAsync(FarmOptions options, CancellationToken cancel)
    {
        if (!options.IsInMemory)
        {
            var address = IPAddress.Parse(options.Address);
            RequireOwn(address);
            return Free(address, options.Cluster);
        }
        var first = new IPEndPoint(IPAddress.Loopback, options.Port);
        var gateway = new IPEndPoint(IPAddress.Loopback, options.Port + 1);
        for (var until = DateTime.UtcNow + s_patience; DateTime.UtcNow < until; await Task.Delay(s_pause, cancel))
        {
            if (Claim(options.Cluster, options.Port) is { } claim)
            {
                if (!IsTaken(first, options) && !IsTaken(gateway, options)) return new SiloPorts(IPAddress.Loopback, first.Port, gateway.Port, isFirst: true, claim);
                claim.Dispose();
                throw new SparseRMException(
                    $"{(IsTaken(first, options) ? first : gateway)} is taken by another program, which is no silo of this kind; name another port with {options.PortOption}");
            }
            // The first silo may have begun just now.
            if (IsTaken(first, options) && IsTaken(gateway, options)) return Free(IPAddress.Loopback, options.Cluster);
        }
        throw new SparseRMException($"the first silo, at port {options.Port} of this machine, does not come to listen; stop it and start it again, or name another port with {options.PortOption}");
    }

    /// <summary>Whether a first silo is there, or starts.</summary>
    public static bool HasFirst(FarmOptions options)
    {
        using var claim = Claim(options.Cluster, options.Port);
        return claim is null;
    }

    /// <summary>Whether nobody listens at a port of this machine, and this program may.</summary>
    public static bool IsFree(int port) => Listen(new IPEndPoint(IPAddress.Loopback, port)) is null;

    /// <inheritdoc/>
    public void Dispose() => _claim.Dispose();

    private static SiloPorts Free(IPAddress address, string cluster)
    {
        while (true)
        {
            using var one = new TcpListener(address, 0);
            using var other = new TcpListener(address, 0);
            one.Start();
            other.Start();
            var (port, gateway) = (((IPEndPoint)one.LocalEndpoint).Port, ((IPEndPoint)other.LocalEndpoint).Port);
            if (Claim(cluster, port) is { } claim) return new SiloPorts(address, port, gateway, isFirst: false, claim);
        }
    }

    // A name in the kernel that one socket can have, and that is gone with its process.
    private static Socket? Claim(string cluster, int port)
    {
        var claim = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            claim.Bind(new UnixDomainSocketEndPoint($"\0sparserm/{cluster}/{port}"));
            return claim;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            claim.Dispose();
            return null;
        }
    }

    private static void RequireOwn(IPAddress address)
    {
        string own = string.Join(", ", NetworkInterface.GetAllNetworkInterfaces().SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address));
        if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            throw new SparseRMException($"--address: others cannot reach a machine at {address}; give the address of this machine that they reach, one of {own}");
        if (Listen(new IPEndPoint(address, 0)) is { } error)
            throw new SparseRMException($"--address: this machine cannot be reached at {address} ({error.Message.TrimEnd('.')}); give one of its own addresses: {own}", error);
    }

    private static bool IsTaken(IPEndPoint place, FarmOptions options) => Listen(place) switch
    {
        null => false,
        { SocketErrorCode: SocketError.AddressAlreadyInUse } => true,
        var error => throw new SparseRMException($"{place} cannot be listened on ({error.Message.TrimEnd('.')}); name another port with {options.PortOption}", error),
    };

    private static SocketException? Listen(IPEndPoint place)
    {
        try
        {
            using var listener = new TcpListener(place);
            listener.Start();
            return null;
        }
        catch (SocketException error)
        {
            return error;
        }
    }
}
