using System.CommandLine;
using System.Net;
using SparseRM.Farm;

namespace SparseRM.Cli.Terminal;

/// <summary>How a command finds its farm.</summary>
internal static class FarmSettings
{
    private const string Variable = "SPARSERM_FARM_POSTGRES", RedisVariable = "SPARSERM_FARM_REDIS";
    private static readonly FarmOptions s_default = new();

    public static Option<string> Postgres { get; } = Choices.Text("--postgres",
        $"PostgreSQL that keeps the members and jobs, such as 'Host=db;Database=farm;Username=farm' (default: the environment's {Variable}; "
            + "none: one machine, in the memory of its first silo)", "CONNECTION");

    public static Option<string> Redis { get; } = Choices.Text("--redis",
        $"a server of Redis' protocol that keeps them instead, such as 'redis:6379,password=...' (default: the environment's {RedisVariable}); let it write what it answers for: appendonly yes, appendfsync always",
        "SERVER");

    public static Option<int?> Port { get; } = Choices.Whole("--port",
        $"without both: port of the first silo; clients use the next one (default: {s_default.Port})", most: 65534);

    public static Option<double?> Lease { get; } = Choices.Number("--lease",
        $"seconds after which a silent silo is given up and its shards are done by others (default: {s_default.Lease.TotalSeconds}); the same for all silos");

    public static Option<IPAddress> Address { get; } = new("--address")
    {
        Description = $"with PostgreSQL or Redis: the address of this machine for the others; silos trust whoever reaches it (default: {s_default.Address})",
        HelpName = "IP",
        CustomParser = result =>
        {
            if (IPAddress.TryParse(result.Tokens[0].Value, out var address)) return address;
            result.AddError($"--address: '{result.Tokens[0].Value}' is not an IP address");
            return null;
        },
    };

    /// <summary>What a client takes.</summary>
    public static IReadOnlyList<Option> Client { get; } = [Postgres, Redis, Port];

    /// <summary>What the user said.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="port">By which option the machines of a farm without a database find each other; null for <see cref="Port"/>.</param>
    /// <exception cref="UsageException">Two are named that would keep the farm's state, or a port beside one of them, which would not be used.</exception>
    public static FarmOptions Farm(this ParseResult args, Option<int?>? port = null)
    {
        port ??= Port;
        string? postgres = args.GetValue(Postgres), redis = args.GetValue(Redis);
        if (postgres is null && redis is null) (postgres, redis) = (OfEnvironment(Variable), OfEnvironment(RedisVariable));
        if (postgres is not null && redis is not null) throw new UsageException("both PostgreSQL and Redis are named, and one of them keeps a farm's members and jobs; name one");
        if (args.Has(port) && (postgres ?? redis) is not null)
        {
            string keeper = postgres is not null ? args.Has(Postgres) ? Postgres.Name : Variable : args.Has(Redis) ? Redis.Name : RedisVariable;
            throw new UsageException($"{port.Name} says where those of one machine find each other, and with {keeper} they do in the database, at whatever port is free; leave one of the two out");
        }
        return Farm(args, postgres, redis);
    }

    private static string? OfEnvironment(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } kept ? kept : null;

    private static FarmOptions Farm(ParseResult args, string? postgres, string? redis) => new()
    {
        Postgres = postgres,
        Redis = redis,
        Port = args.GetValue(Port) ?? s_default.Port,
        Address = args.Has(Address) ? args.GetValue(Address)!.ToString() : s_default.Address,
        Lease = args.Has(Lease) && args.GetValue(Lease) is { } seconds ? TimeSpan.FromSeconds(seconds) : s_default.Lease,
    };
}
