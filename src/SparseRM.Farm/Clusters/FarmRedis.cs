using SparseRM.Errors;
using StackExchange.Redis;

namespace SparseRM.Farm.Clusters;

/// <summary>A server of Redis' protocol that keeps a farm's members and jobs.</summary>
internal static class FarmRedis
{
    /// <summary>How it is reached, as StackExchange.Redis writes it: <c>HOST:PORT,password=..</c></summary>
    public static ConfigurationOptions Options(string servers) => ConfigurationOptions.Parse(servers);

    /// <summary>Insists that it answers.</summary>
    /// <exception cref="SparseRMException">It cannot be reached.</exception>
    public static async Task PrepareAsync(string servers)
    {
        try
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(Options(servers));
            await connection.GetDatabase().PingAsync();
        }
        catch (Exception error) when (error is RedisException or ArgumentException or FormatException or TimeoutException)
        {
            // The driver's own sentence is a paragraph of advice to its programmer.
            throw new SparseRMException("the farm's Redis server cannot be used; give where it is, such as 'redis:6379,password=...', and see that it runs", error);
        }
    }
}
