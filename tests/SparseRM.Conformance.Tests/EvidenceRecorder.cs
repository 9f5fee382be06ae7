using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using SparseRM.Backends;
using SparseRM.Interop;
using Xunit.v3;

[assembly: SparseRM.Conformance.RecordsEvidence]
[assembly: AssemblyFixture(typeof(SparseRM.Conformance.EvidenceFile))]

namespace SparseRM.Conformance;

/// <summary>Notes of every test of an <see cref="OpCase"/> whether it passed.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class RecordsEvidenceAttribute : BeforeAfterTestAttribute
{
    /// <summary>Whether all tests of a kernel that ran have passed.</summary>
    internal static ConcurrentDictionary<(string Backend, OpKind Op, string Variant), bool> Passed { get; } = new();

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        bool passed = TestContext.Current.TestState?.Result == TestResult.Passed;
        foreach (var c in test.TestMethodArguments.OfType<OpCase>())
            Passed.AddOrUpdate((c.Backend, c.Op, c.Variant), passed, (_, before) => before && passed);
    }
}

/// <summary>Writes what the tests saw to the file that SPARSERM_EVIDENCE names, over what earlier runs on other machines saw.</summary>
public sealed class EvidenceFile : IDisposable
{
    public const string Variable = "SPARSERM_EVIDENCE";

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } path) return;
        EvidenceRow[] before = [];
        if (File.Exists(path))
        {
            using var stream = File.OpenRead(path);
            before = KernelEvidence.Read(stream);
        }
        var rows = Merge(before, Seen());
        using var written = File.Create(path);
        KernelEvidence.Write(written, rows);
    }

    /// <summary>The higher of two kinds of evidence for each kernel; what an earlier run saw stays where this one saw no more.</summary>
    public static EvidenceRow[] Merge(IEnumerable<EvidenceRow> before, IEnumerable<EvidenceRow> seen) =>
        [.. before.Concat(seen).GroupBy(row => (row.Backend, row.Op, row.Variant)).Select(rows => rows.MaxBy(row => row.Evidence)!)];

    /// <summary>What stands in for the device, if anything does.</summary>
    public static Evidence Level(string backend, string variant, string description) => backend switch
    {
        TestedBackends.Cpu => description.Contains($"{variant} (emulated)") ? Evidence.Emulated : Evidence.Hardware,
        TestedBackends.Cuda => MockDriver.IsInstalled ? Evidence.Emulated : Evidence.Hardware,
        TestedBackends.IlgpuCpu => Evidence.Emulated,
        _ => description.Contains("a processor, by ") ? Evidence.Driver : Evidence.Hardware,
    };

    private static IEnumerable<EvidenceRow> Seen()
    {
        string today = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        foreach (var kernels in RecordsEvidenceAttribute.Passed.Where(kernel => kernel.Value).GroupBy(kernel => kernel.Key.Backend, kernel => kernel.Key))
        {
            using var backend = TestedBackends.Open(kernels.Key, 1);
            foreach (var (name, op, variant) in kernels)
                yield return new(KernelEvidence.Kind(name), op.Name(), variant, Level(name, variant, backend.Description), backend.Description, today, KernelEvidence.Commit);
        }
    }
}
