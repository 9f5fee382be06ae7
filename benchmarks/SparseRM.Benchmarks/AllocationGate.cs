using System.Text.Json;
using BenchmarkDotNet.Reports;

namespace SparseRM.Benchmarks;

/// <summary>Compares managed bytes with allocated.json: times differ from machine to machine and fail nothing, bytes do not.</summary>
internal static class AllocationGate
{
    private const long Quantum = 8192;

    /// <summary>A sentence for each benchmark that allocates more than is expected of it.</summary>
    public static IReadOnlyList<string> Problems(IEnumerable<Summary> summaries)
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "allocated.json")));
        var all = summaries.SelectMany(summary => summary.Reports).ToArray();
        var reports = all.Where(report => report.Success).ToArray();
        List<string> problems = [.. all.Where(report => !report.Success).Select(report => $"{report.BenchmarkCase.DisplayInfo} did not run to its end")];
        if (all.Length == 0) problems.Add("no benchmark ran, so nothing was checked");
        foreach (var expected in file.RootElement.GetProperty("per_call").EnumerateObject())
        {
            foreach (var report in reports.Where(report => Name(report) == expected.Name))
                Check(problems, report.BenchmarkCase.DisplayInfo, "a call", Bytes(report), expected.Value.GetInt64());
        }
        foreach (var expected in file.RootElement.GetProperty("per_token").EnumerateObject())
        {
            // What more tokens allocate beside what any call does.
            var rows = reports.Where(report => Name(report) == expected.Name).OrderBy(Tokens).ToArray();
            if (rows.Length == 0) continue;  // another filter was asked for
            if (rows.Length == 1)
            {
                problems.Add($"{expected.Name} ran with one number of tokens; what a token allocates takes two");
                continue;
            }
            double perToken = (Bytes(rows[^1]) - Bytes(rows[0])) / (double)(Tokens(rows[^1]) - Tokens(rows[0]));
            Check(problems, expected.Name, "a token", perToken, expected.Value.GetInt64());
        }
        return problems;
    }

    private static void Check(List<string> problems, string what, string unit, double bytes, long expected)
    {
        if (bytes > expected) problems.Add(FormattableString.Invariant($"{what} allocates {bytes:0.#} B {unit}, expected at most {expected} B"));
    }

    private static string Name(BenchmarkReport report) => report.BenchmarkCase.Descriptor.Type.Name;

    // A few slow calls end with some bytes of the harness itself; what a call allocates shows on the small shapes, which are called often.
    private static long Bytes(BenchmarkReport report) =>
        report.GcStats.GetTotalAllocatedBytes(excludeAllocationQuantumSideEffects: true) is null or <= Quantum
            ? 0
            : report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0;

    private static int Tokens(BenchmarkReport report) => (int)report.BenchmarkCase.Parameters["Tokens"];
}
