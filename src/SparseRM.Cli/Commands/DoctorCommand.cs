using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using SparseRM.Benchmarking;
using SparseRM.Cli.Terminal;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm doctor</c>: what to send along with a question.</summary>
internal sealed class DoctorCommand : CliCommand
{
    public DoctorCommand(Session session) : base("doctor", "Show the machine, the backends found and why others are not, and where caches lie", session,
        new Example("sparserm doctor", "what this machine has"),
        new Example("sparserm doctor --json > machine.json", "the same for a bug report"))
        => Options.Add(CommonOptions.Json);

    private const string Compared = "cpu";

    protected override void Run(ParseResult args)
    {
        var facts = Facts();
        var backends = BackendCatalog.Probe();
        var agreements = Agreements(backends);
        if (args.GetValue(CommonOptions.Json)) WriteJson(facts, backends, agreements);
        else WriteTables(facts, backends, agreements);
    }

    // The reference has one way of computing everything.
    private static VariantAgreement[] Agreements(IReadOnlyList<BackendEntry> backends) => backends.Any(backend => backend is { Name: Compared, Available: true })
        ? [VariantAgreement.Measure(Compared, DType.BF16), VariantAgreement.Measure(Compared, DType.F32)]
        : [];

    private static (string Key, string Value)[] Facts() =>
    [
        ("sparserm", typeof(BackendCatalog).Assembly.GetName().Version!.ToString(3)),
        ("os", RuntimeInformation.OSDescription),
        ("architecture", RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()),
        ("runtime", RuntimeInformation.FrameworkDescription),
        ("processor", Machine.Processor),
        ("cores", Environment.ProcessorCount.ToString()),
        ("memory", Tables.Bytes(Machine.Memory)),
        ("instruction_sets", string.Join(" ", InstructionSets())),
        ("state_cache", Place(CacheFolder.Default)),
        ("hugging_face_cache", Place(ModelFolder.HubCache())),
        ("temporary_folder", Path.GetTempPath()),
    ];

    private static string Place(string folder) => Directory.Exists(folder) ? folder : $"{folder} (does not exist yet)";

    // What the managed runtime sees; the cpu backend tells below what its kernels use.
    private static IEnumerable<string> InstructionSets() =>
        from entry in new (string Name, bool Supported)[]
        {
            ("sse4.2", Sse42.IsSupported), ("avx", Avx.IsSupported), ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported), ("avx512f", Avx512F.IsSupported),
            ("avx512bw", Avx512BW.IsSupported), ("avx512vbmi", Avx512Vbmi.IsSupported), ("neon", AdvSimd.IsSupported), ("dotprod", Dp.IsSupported),
        }
        where entry.Supported
        select entry.Name;

    private void WriteTables((string Key, string Value)[] facts, IReadOnlyList<BackendEntry> backends, VariantAgreement[] agreements)
    {
        var machine = Tables.Of("Machine", "");
        foreach (var (key, value) in facts) machine.Row(key.Replace('_', ' '), value);
        Session.Tables.Write(machine);
        var table = Tables.Of("Backend", "Here", "What it is, or why not");
        foreach (var backend in backends) table.Row(backend.Name, backend.Available ? "yes" : "no", backend.Note);
        Session.Tables.Write(table);
        Session.Out.WriteLine($"{BackendCatalog.AutoReason}: here {BackendCatalog.Auto}; others run where --backend names them.");
        foreach (var found in agreements)
        {
            string bits = found.SameBits ? "the same bits" : "DIFFERENT bits";
            Session.Out.WriteLine(FormattableString.Invariant(
                $"{Type(found)}: with any one choice of the {found.Choices} choices of kernels, a text has {bits} of score alone and in company; between two"));
            Session.Out.WriteLine(FormattableString.Invariant(
                $"      choices of this machine, scores of MiniWorld differ by {found.Measured:G2} (bound: {found.Bound:G2}; they spread over {found.Spread:G2})."));
        }
    }

    private static string Type(VariantAgreement found) => found.Compute.ComputeName().PadRight(4);

    private void WriteJson((string Key, string Value)[] facts, IReadOnlyList<BackendEntry> backends, VariantAgreement[] agreements) => Session.WriteJson(json =>
    {
        foreach (var (key, value) in facts) json.WriteString(key, value);
        json.WriteStartArray("backends");
        foreach (var backend in backends)
        {
            json.WriteStartObject();
            json.WriteString("name", backend.Name);
            json.WriteBoolean("available", backend.Available);
            json.WriteString("note", backend.Note);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        new Report().Add("auto", BackendCatalog.Auto).Add("auto_reason", BackendCatalog.AutoReason).WriteTo(json);
        if (agreements.Length == 0) return;
        new Report().Add("cross_variant_bound", agreements.Max(found => found.Bound)).Add("cross_variant_measured", agreements.Max(found => found.Measured))
            .Add("within_variant_same_bits", agreements.All(found => found.SameBits)).WriteTo(json);
        json.WriteStartArray("cross_variant");
        foreach (var found in agreements)
        {
            json.WriteStartObject();
            new Report().Add("dtype", found.Compute.ComputeName()).Add("choices", found.Choices).Add("texts", found.Texts)
                .Add("bound", found.Bound).Add("measured", found.Measured).Add("spread", found.Spread).Add("same_bits", found.SameBits).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });
}
