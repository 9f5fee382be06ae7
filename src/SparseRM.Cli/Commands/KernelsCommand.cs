using System.CommandLine;
using SparseRM.Backends;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm kernels</c>: every way in which every backend computes every op.</summary>
internal sealed class KernelsCommand : CliCommand
{
    private readonly Option<OpKind?> _op = Choices.Of<OpKind?>("--op", "one op (default: all)",
        [.. Enum.GetValues<OpKind>().Select(op => (op.Name(), (OpKind?)op))]);

    private readonly Option<string> _backend = Choices.Of("--backend", "one backend (default: all that open here)",
        [.. BackendCatalog.Names.Where(name => name != "auto").Select(name => (name, name))]);

    public KernelsCommand(Session session) : base("kernels", "List ops, their kernels on each backend, and which of them this machine runs", session,
        new Example("sparserm kernels", "everything"),
        new Example("sparserm kernels --op matmul --backend cpu", "the matrix products of one backend"),
        new Example("sparserm score --variant matmul=avx2 --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl", "use another kernel"))
    {
        this.AddAll(_op, _backend, CommonOptions.Json);
        Add(new BenchOpsCommand("bench", session));
    }

    protected override void Run(ParseResult args)
    {
        var rows = Rows(args.GetValue(_backend), args.GetValue(_op)).ToArray();
        if (args.GetValue(CommonOptions.Json)) WriteJson(rows);
        else WriteTable(rows);
    }

    private readonly record struct Row(string Backend, string Description, OpKind Op, KernelVariant Variant);

    private static IEnumerable<Row> Rows(string? backendName, OpKind? wanted)
    {
        foreach (var entry in BackendCatalog.Probe())
        {
            // One that does not open is passed over, unless it was asked for: then opening it says why.
            if (backendName is null ? !entry.Available : entry.Name != backendName) continue;
            using var backend = BackendCatalog.Open(entry.Name, threads: 1);
            foreach (var op in Enum.GetValues<OpKind>())
            {
                if (wanted is not null && op != wanted) continue;
                foreach (var variant in backend.Variants(op)) yield return new Row(backend.Name, entry.Note, op, variant);
            }
        }
    }

    private void WriteTable(Row[] rows)
    {
        var table = Tables.Of("Op", "Backend", "Variant", "Runs here", "In use");
        foreach (var row in rows)
        {
            string use = row.Variant.Selected ? "yes" : row.Variant.BatchInvariant ? "" : "only to compare";
            table.Row(row.Op.Name(), row.Backend, row.Variant.Name, row.Variant.Supported ? "yes" : "no", use);
        }
        Session.Tables.Write(table);
        foreach (string description in rows.Select(row => row.Description).Distinct()) Session.Out.WriteLine(description);
    }

    private void WriteJson(Row[] rows) => Session.WriteJson(json =>
    {
        json.WriteStartArray("kernels");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            new Report().Add("op", row.Op.Name()).Add("backend", row.Backend).Add("variant", row.Variant.Name)
                .Add("supported", row.Variant.Supported).Add("selected", row.Variant.Selected)
                .Add("batch_invariant", row.Variant.BatchInvariant).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });
}
