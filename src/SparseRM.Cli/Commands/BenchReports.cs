using System.Globalization;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Benchmarking;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary>What <c>bench</c> found, for people and for programs.</summary>
internal static class BenchReports
{
    /// <summary>The value of the field <c>kind</c> in what <see cref="Write"/> writes.</summary>
    public const string Kind = "bench";

    private const string Pruning = "FLOPs are nominal: 2 per weight and distinct token plus attention, of all blocks; what the last block leaves out counts as done";

    public static void Show(Session session, BenchResult result)
    {
        var model = result.Model;
        session.Out.WriteLine($"{model.Name}: blocks 0 to {model.Blocks - 1}, {DType(result)}, {Threads(result.Options.Threads[^1])}, {result.Backend.Description}");
        var table = Tables.Of("Scores", "", ">Tokens/s", ">GFLOP/s", ">Of peak", ">p50 ms", ">p90 ms", ">p99 ms", ">Calls", ">Cost of a token");
        foreach (var row in result.Scenarios)
        {
            table.Row(row.Name, row.What, Number(row.TokensPerSecond), Number(row.Gflops), Share(row, result), Milliseconds(row, 0.5), Milliseconds(row, 0.9),
                Milliseconds(row, 0.99), Tables.Count(row.Seconds.Count), row.CostOfSingle is { } cost ? $"{Fixed(cost, 2)} x" : "1");
        }
        session.Tables.Write(table);
        Scaling(session, result);
        Facts(session, result);
        foreach (string note in Notes(result)) session.Note(note);
    }

    public static void Write(Utf8JsonWriter json, BenchResult result)
    {
        var (model, headline, single) = (result.Model, result.Headline, result.Scenarios.First(scenario => scenario.Name == "single"));
        new Report().Add("kind", Kind).Add("shape", model.Name).Add("blocks", model.Blocks).Add("tokens", model.Tokens(result.Options))
            .Add("batch", result.Options.Batch ?? 1).Add("threads", result.Options.Threads[^1]).Add("dtype", DType(result))
            .Add("backend", result.Backend.Name).Add("backend_description", result.Backend.Description).Add("scenario", headline.Name)
            .Add("tokens_per_second", headline.TokensPerSecond).Add("flops_per_token", headline.Work.Flops / headline.Work.Tokens)
            .Add("gflops", headline.Gflops).Add("peak_gflops", result.Peak / 1e9).Add("share_of_peak", headline.Gflops * 1e9 / result.Peak)
            .Add("p50_ms", single.Seconds.Quantile(0.5) * 1e3).Add("p90_ms", single.Seconds.Quantile(0.9) * 1e3)
            .Add("p99_ms", single.Seconds.Quantile(0.99) * 1e3)
            .Add("open_seconds", result.OpenSeconds).Add("first_score_ms", result.FirstScoreSeconds * 1e3).Add("model_bytes", result.ModelBytes)
            .Add("resident_bytes", result.ResidentBytes).Add("allocated_bytes_per_token", result.AllocatedBytesPerToken)
            .Add("allocated_bytes_per_call", result.AllocatedBytesPerCall).Add("notes", Notes(result)).WriteTo(json);
        json.WriteStartObject("variants");
        foreach (var (op, variant) in result.Variants) json.WriteString(op.Name(), variant);
        json.WriteEndObject();
        WriteMachine(json, result.Peaks);
        json.WriteStartArray("scenarios");
        foreach (var row in result.Scenarios) WriteObject(json, Scenario(row, result));
        json.WriteEndArray();
        json.WriteStartArray("scaling");
        foreach (var row in result.Scaling)
            WriteObject(json, new Report().Add("threads", row.Threads).Add("tokens_per_second", row.TokensPerSecond).Add("gain", row.Gain));
        json.WriteEndArray();
    }

    /// <summary>The fields <c>machine</c> and <c>peaks</c>.</summary>
    public static void WriteMachine(Utf8JsonWriter json, IReadOnlyList<Peak> peaks)
    {
        json.WriteStartObject("machine");
        Machine.Facts.WriteTo(json);
        json.WriteEndObject();
        json.WriteStartArray("peaks");
        foreach (var peak in peaks)
        {
            WriteObject(json, new Report().Add("name", PeakName(peak))
                .Add(peak.Kind == PeakKind.Read ? "gbytes_per_second" : "gflops", peak.Rate / 1e9)
                .Add("source", peak.IsNominal ? "nominal" : "measured"));
        }
        json.WriteEndArray();
    }

    /// <summary>Limits of the machine in a table.</summary>
    public static void ShowPeaks(Session session, IReadOnlyList<Peak> peaks)
    {
        if (peaks.Count == 0) return;
        var table = Tables.Of("This machine at most", "");
        foreach (var peak in peaks)
        {
            string unit = peak.Kind == PeakKind.Read ? "GB/s" : "GFLOP/s";
            table.Row(PeakName(peak), $"{Number(peak.Rate / 1e9)} {unit}{(peak.IsNominal ? " by clock and architecture" : "")}");
        }
        session.Tables.Write(table);
    }

    public static void WriteObject(Utf8JsonWriter json, Report report)
    {
        json.WriteStartObject();
        report.WriteTo(json);
        json.WriteEndObject();
    }

    /// <summary>Three significant digits at least, no more after the point than that takes and at most four.</summary>
    public static string Number(double value) => value.ToString(
        value switch { >= 100 => "N0", >= 10 => "F1", >= 1 => "F2", >= 0.1 => "F3", _ => "F4" }, CultureInfo.InvariantCulture);

    private static Report Scenario(ScenarioResult row, BenchResult result) => new Report().Add("name", row.Name).Add("what", row.What)
        .Add("sequences", row.Sequences).Add("tokens", row.Work.Tokens).Add("distinct_tokens", row.Work.DistinctTokens)
        .Add("tokens_per_second", row.TokensPerSecond).Add("distinct_tokens_per_second", 1 / row.SecondsPerToken).Add("gflops", row.Gflops)
        .Add("share_of_peak", row.Gflops * 1e9 / result.Peak).Add("runs", row.Seconds.Count).Add("p50_ms", row.Seconds.Quantile(0.5) * 1e3)
        .Add("p90_ms", row.Seconds.Quantile(0.9) * 1e3).Add("p99_ms", row.Seconds.Quantile(0.99) * 1e3).Add("cost_of_single", row.CostOfSingle);

    private static void Scaling(Session session, BenchResult result)
    {
        if (result.Scaling.Count == 0) return;
        var table = Tables.Of(">Threads", ">Tokens/s", ">Gain");
        foreach (var row in result.Scaling) table.Row($"{row.Threads}", Number(row.TokensPerSecond), $"{Fixed(row.Gain, 2)} x");
        session.Tables.Write(table);
    }

    private static void Facts(Session session, BenchResult result)
    {
        ShowPeaks(session, result.Peaks);
        var table = Tables.Of("Cold start and memory", "");
        table.Row("opening the model", $"{Fixed(result.OpenSeconds, 2)} s");
        table.Row("first score after it", $"{Fixed(result.FirstScoreSeconds * 1e3, 2)} ms");
        table.Row("matrices of the model", Tables.Bytes(result.ModelBytes));
        table.Row("process in memory", Tables.Bytes(result.ResidentBytes));
        table.Row("managed memory for one more token", $"{Fixed(result.AllocatedBytesPerToken, 1)} B");
        table.Row("managed memory for a call", Tables.Bytes(result.AllocatedBytesPerCall));
        session.Tables.Write(table);
    }

    private static string[] Notes(BenchResult result) =>
        [.. result.Options.Backend == "auto" ? [BackendCatalog.AutoReason] : Array.Empty<string>(), result.Model.Note, Pruning];

    private static string PeakName(Peak peak) => $"{peak.Kind.ToString().ToLowerInvariant()}_{peak.Name}";

    private static string DType(BenchResult result) => result.Compute.ComputeName();

    private static string Threads(int threads) => threads == 1 ? "1 thread" : $"{threads} threads";

    private static string Share(ScenarioResult row, BenchResult result) => result.Peak is { } peak ? Tables.Percent(row.Gflops * 1e9 / peak) : "-";

    private static string Milliseconds(ScenarioResult row, double share) => Fixed(row.Seconds.Quantile(share) * 1e3, 2);

    private static string Fixed(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
