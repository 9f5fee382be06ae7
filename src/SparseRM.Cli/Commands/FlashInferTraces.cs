using System.Globalization;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary>Rows of <c>bench ops</c> as traces of FlashInfer-Bench: one JSON object a line, each a definition, a workload, a solution and its evaluation.</summary>
/// <remarks>Source: flashinfer_bench/data/trace.py and workload.py of flashinfer-bench, which refuses an evaluation that passed without correctness and performance.</remarks>
internal static class FlashInferTraces
{
    public static void Write(Stream stream, OpBenchResult result)
    {
        string now = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        foreach (var row in result.Timings)
        {
            using (var json = new Utf8JsonWriter(stream))
            {
                json.WriteStartObject();
                json.WriteString("definition", $"{row.Shape.Op.Name()}_{row.Compute.ComputeName()}_{row.Shape.Name}");
                json.WriteStartObject("workload");
                json.WriteString("uuid", $"{row.Shape.Name}-{row.Rows}");
                json.WriteStartObject("axes");
                json.WriteNumber("rows", row.Rows);
                json.WriteEndObject();
                json.WriteStartObject("inputs");
                json.WriteStartObject("x");
                json.WriteString("type", "random");
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteString("solution", $"sparserm-{result.Backend.Name}-{row.Variant}");
                json.WriteStartObject("evaluation");
                json.WriteString("status", "PASSED");
                json.WriteStartObject("environment");
                json.WriteString("hardware", IsProcessor(result) ? Machine.Processor : result.Backend.Description);
                json.WriteStartObject("libs");
                json.WriteString("sparserm", typeof(OpBenchResult).Assembly.GetName().Version?.ToString(3));
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteString("timestamp", now);
                json.WriteString("log", "");
                json.WriteStartObject("correctness");
                json.WriteNumber("max_relative_error", row.Error.Relative);
                json.WriteNumber("max_absolute_error", row.Error.Absolute);
                json.WriteEndObject();
                json.WriteStartObject("performance");
                json.WriteNumber("latency_ms", row.Seconds.Median * 1e3);
                json.WriteNumber("reference_latency_ms", Slowest(result, row) * 1e3);
                json.WriteNumber("speedup_factor", Slowest(result, row) / row.Seconds.Median);
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndObject();
            }
            stream.WriteByte((byte)'\n');
        }
    }

    private static bool IsProcessor(OpBenchResult result) => !BackendCatalog.IsGpu(result.Backend.Name);

    /// <summary>Seconds of as many rows by the variant of the same row that stands first, the slowest: what speed-ups are of.</summary>
    private static double Slowest(OpBenchResult result, OpTiming row)
    {
        var first = result.Timings.First(other => other.Shape == row.Shape && other.Compute == row.Compute);
        return first.Seconds.Median * row.Shape.Flops(row.Rows) / first.Shape.Flops(first.Rows);
    }
}
