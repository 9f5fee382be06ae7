using System.Globalization;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Cli.Terminal;
using SparseRM.Tensors;

namespace SparseRM.Cli.Commands;

/// <summary>What <c>bench ops</c> found or would do, for people, spreadsheets and programs.</summary>
internal static class BenchOpsReports
{
    private static readonly string[] s_columns =
        ["op", "shape", "dtype", "variant", "rows", "runs", "p50_ms", "spread", "gflops", "share_of_peak", "share_of_roof", "gbytes_per_second", "under_floor"];

    public static void Show(Session session, OpBenchResult result)
    {
        session.Out.WriteLine(result.Backend.Description);
        var table = Tables.Of("Op", "Shape", "Products", "Variant", ">Rows", ">ms", ">GFLOP/s", ">Of peak", ">Of roof", ">GB/s");
        foreach (var row in result.Timings)
        {
            table.Row(row.Shape.Op.Name(), row.Shape.Name, row.Compute.ComputeName(), row.Variant, $"{row.Rows}",
                BenchReports.Number(row.Seconds.Median * 1e3) + (row.IsUnderFloor ? " (!)" : ""), BenchReports.Number(row.Gflops),
                Percent(row.ShareOfPeak), Percent(row.ShareOfRoof), BenchReports.Number(row.GBytesPerSecond));
        }
        session.Tables.Write(table);
        BenchReports.ShowPeaks(session, result.Peaks);
    }

    public static void Write(Utf8JsonWriter json, int threads, OpBenchResult result)
    {
        new Report().Add("kind", BenchOpsCommand.Kind).Add("backend", result.Backend.Name).Add("backend_description", result.Backend.Description)
            .Add("threads", threads).Add("load_of_others", result.LoadOfOthers).WriteTo(json);
        BenchReports.WriteMachine(json, result.Peaks);
        json.WriteStartArray("ops");
        foreach (var row in result.Timings)
        {
            BenchReports.WriteObject(json, new Report().Add("op", row.Shape.Op.Name()).Add("shape", row.Shape.Name)
                .Add("dtype", row.Compute.ComputeName()).Add("variant", row.Variant).Add("rows", row.Rows).Add("runs", row.Seconds.Count)
                .Add("p50_ms", row.Seconds.Median * 1e3).Add("spread", double.IsFinite(row.Seconds.Spread) ? row.Seconds.Spread : null)
                .Add("gflops", row.Gflops).Add("peak_gflops", row.Peak / 1e9).Add("share_of_peak", row.ShareOfPeak)
                .Add("share_of_roof", row.ShareOfRoof).Add("under_floor", row.IsUnderFloor)
                .Add("gbytes_per_second", row.GBytesPerSecond).Add("flops_per_byte", row.Shape.Flops(row.Rows) / row.Shape.Bytes(row.Rows, row.Compute)));
        }
        json.WriteEndArray();
        json.WriteStartArray("not_timed");
        foreach (var left in result.NotTimed)
        {
            BenchReports.WriteObject(json, new Report().Add("op", left.Shape.Op.Name()).Add("shape", left.Shape.Name)
                .Add("dtype", left.Compute.ComputeName()).Add("variant", left.Variant).Add("problem", left.Problem));
        }
        json.WriteEndArray();
    }

    /// <summary>A line a row under one of names, as CSV or as a table of Markdown. No value has a comma, a bar or a quote.</summary>
    public static void Rows(TextWriter output, OpBenchResult result, bool markdown)
    {
        Line(s_columns);
        if (markdown) Line([.. s_columns.Select((_, column) => column < 4 ? "---" : "---:")]);
        foreach (var row in result.Timings)
        {
            Line([
                row.Shape.Op.Name(), row.Shape.Name, row.Compute.ComputeName(), row.Variant, Of(row.Rows), Of(row.Seconds.Count), Of(row.Seconds.Median * 1e3),
                double.IsFinite(row.Seconds.Spread) ? Of(row.Seconds.Spread) : "", Of(row.Gflops), Of(row.ShareOfPeak), Of(row.ShareOfRoof), Of(row.GBytesPerSecond),
                row.IsUnderFloor ? "true" : "false"]);
        }

        void Line(string[] cells) => output.WriteLine(markdown ? $"| {string.Join(" | ", cells)} |" : string.Join(',', cells));

        string Of(double? value) => value?.ToString(markdown ? "G4" : "R", CultureInfo.InvariantCulture) ?? "";
    }

    public static void List(Session session, IReadOnlyList<OpShape> shapes, bool json)
    {
        if (json)
        {
            session.WriteJson(writer => WriteArray(writer, "shapes", shapes.Select(shape => new Report().Add("op", shape.Op.Name()).Add("shape", shape.Name)
                .Add("rows", shape.Rows).Add("flops", shape.Flops(shape.Rows)).Add("for_gpu", shape.ForGpu))));
            return;
        }
        var table = Tables.Of("Op", "Shape", ">Rows", ">MFLOP", ">MB in bf16");
        foreach (var shape in shapes)
            table.Row(shape.Op.Name(), shape.Name, Tables.Count(shape.Rows), BenchReports.Number(shape.Flops(shape.Rows) / 1e6), BenchReports.Number(shape.Bytes(shape.Rows, DType.BF16) / 1e6));
        session.Tables.Write(table);
    }

    public static void Plan(Session session, IReadOnlyList<(OpShape Shape, DType Compute, string Variant)> rows, bool json)
    {
        if (json)
        {
            session.WriteJson(writer => WriteArray(writer, "rows", rows.Select(row => new Report().Add("op", row.Shape.Op.Name())
                .Add("shape", row.Shape.Name).Add("dtype", row.Compute.ComputeName()).Add("variant", row.Variant))));
            return;
        }
        var table = Tables.Of("Op", "Shape", "Products", "Variant");
        foreach (var (shape, compute, variant) in rows) table.Row(shape.Op.Name(), shape.Name, compute.ComputeName(), variant);
        session.Tables.Write(table);
        session.Out.WriteLine($"{rows.Count} rows would be timed");
    }

    private static void WriteArray(Utf8JsonWriter json, string name, IEnumerable<Report> reports)
    {
        json.WriteStartArray(name);
        foreach (var report in reports) BenchReports.WriteObject(json, report);
        json.WriteEndArray();
    }

    private static string Percent(double? share) => share is { } value ? Tables.Percent(value) : "-";
}
