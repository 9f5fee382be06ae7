using SparseRM.Benchmarking;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary>What of a result is drawn under the roofs.</summary>
internal static class RooflinePoints
{
    // An SAE of 131k latents takes longer to make up than all else takes to run.
    private const string Wide = "131k";

    /// <summary>The picture's title.</summary>
    public static string Title(BenchResult result) =>
        $"{result.Model.Name}, blocks 0 to {result.Model.Blocks - 1}, {result.Compute.ComputeName()}, {Machine.Processor}";

    /// <summary>Times the ops by themselves, in the result's type and on its threads.</summary>
    public static OpBenchResult Time(BenchResult result, IProgress<WorkProgress> progress, CancellationToken cancel)
    {
        bool isSmall = result.Model.Name == ModelShapes.MiniWorld;
        bool Fits(OpShape shape) =>
            shape.Name.StartsWith(ModelShapes.MiniWorld, StringComparison.Ordinal) == isSmall && !shape.Name.Contains(Wide);
        return OpBenchmark.Run(new OpBenchOptions
        {
            Shapes = [.. OpShapes.Choose(null, null, result.Backend.Name).Where(Fits)],
            Backend = result.Backend.Name, Threads = result.Options.Threads[^1], Types = [result.Compute], OnlySelected = true,
            Seconds = result.Options.Quick ? 0.05 : 0.2,
        }, progress, cancel);
    }

    /// <summary>Ways of asking: the weights of all blocks are read once a call, or once a micro-batch.</summary>
    public static IEnumerable<RooflinePoint> Of(BenchResult result) => result.Scenarios.Select(scenario => new RooflinePoint(
        $"{scenario.Name}: {scenario.What}",
        scenario.Work.Flops / (result.ModelBytes * Math.Ceiling(scenario.Work.DistinctTokens / (double)result.Options.MaxBatchTokens)), scenario.Gflops));

    /// <summary>Ops by themselves: each operand is read or written once.</summary>
    public static IEnumerable<RooflinePoint> Of(OpBenchResult ops) => ops.Timings.Select(row => new RooflinePoint(
        $"{row.Shape.Name}", row.Shape.Flops(row.Rows) / row.Shape.Bytes(row.Rows, row.Compute), row.Gflops));
}
