using System.CommandLine;
using SparseRM.Backends;
using SparseRM.Cli.Terminal;
using SparseRM.Interop;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm kernels</c>: every way in which every backend computes every op.</summary>
internal sealed class KernelsCommand : CliCommand
{
    private const string Auto = "auto";
    private static readonly string[] s_names = [.. BackendCatalog.Names.Where(name => name != Auto)];

    private readonly Option<OpKind?> _op = Choices.Of<OpKind?>("--op", "one op (default: all)",
        [.. Enum.GetValues<OpKind>().Select(op => (op.Name(), (OpKind?)op))]);

    private readonly Option<string> _backend = Choices.Known("--backend", "one backend, which need not be here (default: all)",
        s_names, name => name != Auto && BackendCatalog.Knows(name));

    public KernelsCommand(Session session) : base("kernels", "List ops, their kernels on each backend, and which of them this machine runs", session,
        new Example("sparserm kernels", "everything"),
        new Example("sparserm kernels --op matmul --backend cuda:0", "the matrix products of one backend, also where it does not open"),
        new Example("sparserm score --variant matmul=avx2 --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl", "use another kernel"))
    {
        this.AddAll(_op, _backend, CommonOptions.Json);
        Add(new BenchOpsCommand("bench", session));
        Add(new KernelsCheckCommand(session));
    }

    protected override void Run(ParseResult args)
    {
        IEnumerable<string> names = args.GetValue(_backend) is { } one ? [one] : s_names;
        BackendKernels[] found = [.. names.Select(BackendCatalog.Kernels)];
        var rows = Rows(found, args.GetValue(_op));
        if (args.GetValue(CommonOptions.Json)) WriteJson(found, rows);
        else WriteTable(found, rows);
    }

    private readonly record struct Row(string Backend, OpKind Op, KernelVariant Variant);

    private static EvidenceRow Seen(Row row) => KernelEvidence.Of(row.Backend, row.Op, row.Variant.Name);

    private static string Word(EvidenceRow seen) => seen.Evidence.ToString().ToLowerInvariant();

    /// <summary>On what, when and from which commit.</summary>
    private static string Note(EvidenceRow seen) =>
        string.Join(", ", new[] { seen.On, seen.Date, seen.Commit.Length > 0 ? $"commit {seen.Commit}" : "" }.Where(part => part.Length > 0));

    private static IEnumerable<Row> Rows(BackendKernels[] found, OpKind? wanted) =>
        from backend in found
        from op in backend.Ops
        where wanted is null || op.Key == wanted
        from variant in op.Value
        select new Row(backend.Backend.Name, op.Key, variant);

    private void WriteTable(BackendKernels[] found, IEnumerable<Row> rows)
    {
        var notes = new List<(string Word, string Note)>();
        var table = Tables.Of("Op", "Backend", "Variant", "Runs here", "In use", "Seen on");
        foreach (var row in rows)
        {
            string use = row.Variant.Selected ? "yes" : !row.Variant.BatchInvariant ? "only to compare" : row.Variant.Proven ? "" : "only by name";
            var seen = Seen(row);
            string note = Note(seen);
            int number = notes.IndexOf((Word(seen), note)) + 1;
            if (number == 0 && note.Length > 0)
            {
                notes.Add((Word(seen), note));
                number = notes.Count;
            }
            table.Row(row.Op.Name(), row.Backend, row.Variant.Name, row.Variant.Supported ? "yes" : "no", use, number == 0 ? Word(seen) : $"{Word(seen)} [{number}]");
        }
        Session.Tables.Write(table);
        for (int i = 0; i < notes.Count; i++) Session.Out.WriteLine($"[{i + 1}] {notes[i].Word}: {notes[i].Note}");
        foreach (var (backend, _) in found) Session.Out.WriteLine(backend.Available ? backend.Note : $"not here: {backend.Note}");
    }

    private void WriteJson(BackendKernels[] found, IEnumerable<Row> rows) => Session.WriteJson(json =>
    {
        json.WriteStartArray("backends");
        foreach (var (backend, _) in found)
        {
            BenchReports.WriteObject(json,
                new Report().Add("name", backend.Name).Add("available", backend.Available).Add("note", backend.Note));
        }
        json.WriteEndArray();
        json.WriteStartArray("kernels");
        foreach (var row in rows)
        {
            var (name, supported, selected, proven, batchInvariant) = row.Variant;
            var seen = Seen(row);
            BenchReports.WriteObject(json, new Report().Add("op", row.Op.Name()).Add("backend", row.Backend).Add("variant", name)
                .Add("supported", supported).Add("selected", selected).Add("only_by_name", !proven || !batchInvariant)
                .Add("batch_invariant", batchInvariant).Add("evidence", Word(seen)).Add("seen_on", seen.On).Add("seen_date", seen.Date).Add("seen_commit", seen.Commit));
        }
        json.WriteEndArray();
    });
}
