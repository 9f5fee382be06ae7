using System.Data.Common;
using System.Net.Sockets;
using Npgsql;
using SparseRM.Errors;

namespace SparseRM.Farm.Clusters;

/// <summary>The tables of a farm in PostgreSQL.</summary>
internal static class FarmDatabase
{
    /// <summary>The name by which Orleans knows the driver.</summary>
    public const string Invariant = "Npgsql";

    /// <summary>Makes the tables and queries that are not there.</summary>
    /// <exception cref="SparseRMException">The database cannot be reached or written.</exception>
    public static async Task PrepareAsync(string connection, CancellationToken cancel)
    {
        DbProviderFactories.RegisterFactory(Invariant, NpgsqlFactory.Instance);
        using var schema = new StreamReader(typeof(FarmDatabase).Assembly.GetManifestResourceStream("schema.sql")!);
        try
        {
            await using var source = NpgsqlDataSource.Create(connection);
            await using var open = await source.OpenConnectionAsync(cancel);
            // One simple query: names that begin with @ are Orleans', not parameters of this statement.
            await using var command = new NpgsqlCommand(await schema.ReadToEndAsync(cancel), open) { AllResultTypesAreUnknown = true };
            await command.ExecuteNonQueryAsync(cancel);
        }
        catch (Exception error) when (error is NpgsqlException or SocketException or TimeoutException or ArgumentException or FormatException or NotSupportedException)
        {
            // The driver says that it failed to connect, and what it wraps says why.
            string said = error.Message.TrimEnd('.'), cause = error.GetBaseException().Message.TrimEnd('.'), why = said.Contains(cause, StringComparison.Ordinal) ? said : $"{said}: {cause}";
            throw new SparseRMException($"the farm's database cannot be used ({why}); give a connection such as "
                + "'Host=db;Database=farm;Username=farm;Password=...'", error);
        }
    }
}
