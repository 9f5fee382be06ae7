using System.Net;
using System.Net.Sockets;
using SparseRM.Errors;
using StackExchange.Redis;

namespace SparseRM.Farm.Clusters;

/// <summary>A server of Redis' protocol that keeps a farm's members and jobs.</summary>
internal static class FarmRedis
{
    // The driver's.
    private const int Port = 6379, TlsPort = 6380;
    private const string Cited = "(RedisServerException) ", Label = "Error: ";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>How it is reached, as StackExchange.Redis writes it: <c>HOST:PORT,password=..</c></summary>
    public static ConfigurationOptions Options(string servers) => ConfigurationOptions.Parse(servers);

    /// <summary>Insists that it answers, and that it may be written.</summary>
    /// <exception cref="SparseRMException">It cannot be reached, refuses the password, or keeps nothing.</exception>
    public static async Task PrepareAsync(string servers, CancellationToken cancel)
    {
        try
        {
            var options = Options(servers);
            if (options.EndPoints.Count == 0) throw new FormatException("no server is named");
            await RequireListenerAsync(options, cancel);
            await using var connection = await ConnectionMultiplexer.ConnectAsync(options);
            var store = connection.GetDatabase();
            await store.PingAsync();
            // A copy of another server, or one whose disk is full, takes nothing.
            await store.StringSetAsync($"sparserm-probe-{Guid.NewGuid():N}", "", TimeSpan.FromSeconds(1));
        }
        catch (Exception error) when (error is RedisException or SocketException or ArgumentException or FormatException or TimeoutException)
        {
            throw new SparseRMException($"the farm's Redis server cannot be used ({Cause(error)}); give where it is, such as 'redis:6379,password=...', and see that it runs", error);
        }
    }

    // The driver tells of a server that does not listen in a paragraph of advice to its programmer, and not why.
    private static async Task RequireListenerAsync(ConfigurationOptions options, CancellationToken cancel)
    {
        string? problem = null;
        foreach (var place in options.EndPoints)
        {
            var (host, port) = place is IPEndPoint address ? ($"{address.Address}", address.Port) : place is DnsEndPoint name ? (name.Host, name.Port) : ("", 0);
            if (host.Length == 0) return;
            if (port == 0) port = options.Ssl ? TlsPort : Port;
            using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            late.CancelAfter(s_patience);
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(host, port, late.Token);
                return;
            }
            catch (SocketException error)
            {
                problem ??= $"{host}:{port}: {error.Message}";
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                problem ??= $"{host}:{port}: no answer for {s_patience.TotalSeconds} s";
            }
        }
        throw new TimeoutException(problem);
    }

    // The server's own words, which the driver wraps or cites; where there are none it listens, but not to Redis' protocol.
    private static string Cause(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
            if (cause is RedisServerException) return Bare(cause.Message);
        int cited = error.Message.IndexOf(Cited, StringComparison.Ordinal);
        if (cited >= 0) return Bare(error.Message[(cited + Cited.Length)..]);
        return error is RedisException ? "it listens, but does not answer as Redis does" : Bare(error.Message);
    }

    private static string Bare(string message) => (message.StartsWith(Label, StringComparison.Ordinal) ? message[Label.Length..] : message).TrimEnd('.');
}
