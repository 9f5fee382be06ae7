using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench compare</c>: what became faster or slower between two runs.</summary>
internal sealed class BenchCompareCommand : CliCommand
{
    // What must be the same for rates to be comparable.
    private static readonly string[] s_same = ["kind", "shape", "blocks", "tokens", "batch"];

    // What may differ, if the reader knows of it.
    private static readonly string[] s_told = ["backend", "threads", "dtype"];

    private readonly Argument<string> _before = new("BEFORE") { Description = "what `sparserm bench --json` or `bench ops --json` wrote" };
    private readonly Argument<string> _after = new("AFTER") { Description = "what a later run of the same wrote" };

    public BenchCompareCommand(Session session) : base("compare", "Compare two results that were written with --json", session,
        new Example("sparserm bench compare before.json after.json", "rates of the second as multiples of the first"))
    {
        Arguments.Add(_before);
        Arguments.Add(_after);
        Options.Add(CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        var (before, after) = (Read(args.GetRequiredValue(_before)), Read(args.GetRequiredValue(_after)));
        foreach (string field in s_same)
        {
            string first = Text(before.Root, field), second = Text(after.Root, field);
            if (first != second)
                throw new SparseRMException($"{before.Path} has {field} {first}, {after.Path} has {field} {second}; only runs of the same work can be compared");
        }
        var pairs = Rates(before).Join(Rates(after), row => row.Name, row => row.Name, (a, b) => (a.Name, a.Unit, Before: a.Rate, After: b.Rate)).ToArray();
        if (pairs.Length == 0) throw new SparseRMException($"{before.Path} and {after.Path} have no row in common; only runs of the same work can be compared");
        if (args.GetValue(CommonOptions.Json)) WriteJson(before, after, pairs);
        else WriteTable(pairs);
        foreach (var (field, first, second) in Differences(before, after))
            Session.Note($"{before.Path} has {field} {first}, {after.Path} has {field} {second}: the ratios are of that too");
    }

    private static IEnumerable<(string Field, string Before, string After)> Differences(Result before, Result after) =>
        from field in s_told
        where before.Root.TryGetProperty(field, out _) && after.Root.TryGetProperty(field, out _)
        let pair = (field, Text(before.Root, field), Text(after.Root, field))
        where pair.Item2 != pair.Item3
        select pair;

    private sealed record Result(string Path, JsonElement Root);

    private static Result Read(string path)
    {
        NamedPipe.Refuse(path);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object && Text(document.RootElement, "kind") is BenchReports.Kind or BenchOpsCommand.Kind)
                return new Result(path, document.RootElement.Clone());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: {(Directory.Exists(path) ? "is a folder" : File.Exists(path) ? "cannot be read" : "there is no such file")}, expected a file that `sparserm bench --json` wrote", error);
        }
        catch (JsonException error)
        {
            throw new SparseRMException($"{path}: is not valid JSON ({error.Message.TrimEnd('.')}); give a file that `sparserm bench --json` wrote", error);
        }
        throw new SparseRMException($"{path}: is not a result of `sparserm bench --json` or `sparserm bench ops --json`");
    }

    private static string Text(JsonElement root, string field) => root.TryGetProperty(field, out var value) ? value.ToString() : "none";

    private static (string Name, string Unit, double Rate)[] Rates(Result result)
    {
        bool ops = Text(result.Root, "kind") == BenchOpsCommand.Kind;
        try
        {
            (string Name, string Unit, double Rate)[] rates = [.. result.Root.GetProperty(ops ? "ops" : "scenarios").EnumerateArray().Select(row => ops
                ? ($"{row.GetProperty("shape")} {row.GetProperty("dtype")} {row.GetProperty("variant")}", "GFLOP/s", row.GetProperty("gflops").GetDouble())
                : ($"{row.GetProperty("name")}: {row.GetProperty("what")}", "tokens/s", row.GetProperty("tokens_per_second").GetDouble()))];
            foreach (var row in rates)
                if (!(row.Rate > 0)) throw new SparseRMException($"{result.Path}: {row.Name} has a rate of {row.Rate}; rates are above 0, run it again");
            return rates;
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SparseRMException($"{result.Path}: lacks the rates that `sparserm bench --json` writes; run it again", error);
        }
    }

    private void WriteTable((string Name, string Unit, double Before, double After)[] pairs)
    {
        var table = Tables.Of("", ">Before", ">After", "", ">Ratio");
        foreach (var (name, unit, before, after) in pairs)
            table.Row(name, BenchReports.Number(before), BenchReports.Number(after), unit, FormattableString.Invariant($"{after / before:F3} x"));
        Session.Tables.Write(table);
    }

    private void WriteJson(Result before, Result after, (string Name, string Unit, double Before, double After)[] pairs) => Session.WriteJson(json =>
    {
        new Report().Add("before", before.Path).Add("after", after.Path).WriteTo(json);
        json.WriteStartArray("differences");
        foreach (var (field, first, second) in Differences(before, after))
            BenchReports.WriteObject(json, new Report().Add("field", field).Add("before", first).Add("after", second));
        json.WriteEndArray();
        json.WriteStartArray("ratios");
        foreach (var (name, unit, first, second) in pairs)
        {
            BenchReports.WriteObject(json,
                new Report().Add("name", name).Add("unit", unit).Add("before", first).Add("after", second).Add("ratio", second / first));
        }
        json.WriteEndArray();
    });
}
