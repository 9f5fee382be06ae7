using System.CommandLine;
using System.Net;
using SparseRM.Farm;

namespace SparseRM.Cli.Terminal;

/// <summary>How a command finds its farm.</summary>
internal static class FarmSettings
{
    private const string Variable = "SPARSERM_FARM_POSTGRES";
    private static readonly FarmOptions s_default = new();

    public static Option<string> Postgres { get; } = Choices.Text("--postgres",
        $"PostgreSQL that keeps the farm's members and jobs, such as 'Host=db;Database=farm;Username=farm' (default: the environment's {Variable}; "
            + "none: one machine, in the memory of its first silo)", "CONNECTION");

    public static Option<int?> Port { get; } = Choices.Whole("--port",
        $"without PostgreSQL: port of the first silo; clients use the next one (default: {s_default.Port})", most: 65534);

    public static Option<double?> Lease { get; } = Choices.Number("--lease",
        $"seconds after which a silent silo is given up and its shards are done by others (default: {s_default.Lease.TotalSeconds}); the same for all silos");

    public static Option<IPAddress> Address { get; } = new("--address")
    {
        Description = $"with PostgreSQL: the address of this machine for the others; silos trust whoever reaches it (default: {s_default.Address})",
        HelpName = "IP",
        CustomParser = result =>
        {
            if (IPAddress.TryParse(result.Tokens[0].Value, out var address)) return address;
            result.AddError($"--address: '{result.Tokens[0].Value}' is not an IP address");
            return null;
        },
    };

    /// <summary>What a client takes.</summary>
    public static IReadOnlyList<Option> Client { get; } = [Postgres, Port];

    /// <summary>What the user said.</summary>
    public static FarmOptions Farm(this ParseResult args) => new()
    {
        Postgres = args.GetValue(Postgres) ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } kept ? kept : null),
        Port = args.GetValue(Port) ?? s_default.Port,
        Address = args.Has(Address) ? args.GetValue(Address)!.ToString() : s_default.Address,
        Lease = args.Has(Lease) && args.GetValue(Lease) is { } seconds ? TimeSpan.FromSeconds(seconds) : s_default.Lease,
    };
}
