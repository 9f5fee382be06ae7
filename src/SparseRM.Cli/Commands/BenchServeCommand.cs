using System.CommandLine;
using System.Text.Json;
using SparseRM.Benchmarking.Serving;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench serve</c>: the server, in a process of its own, beside the library.</summary>
internal sealed class BenchServeCommand : CliCommand
{
    private readonly Option<int?> _clients = Choices.Whole("--clients", "clients at once (default: 64)");
    private readonly Option<double?> _seconds = Choices.Number("--seconds", "how long each load lasts (default: 5)", most: 86_400);

    private readonly Option<double?> _minutes = Choices.Number("--minutes",
        "instead, one load of so many minutes, with clients that are slow, cut or half-closed among the others: what was lost or wrong, and the server's memory", most: 1440);

    public BenchServeCommand(Session session) : base("serve", "Measure the server of the demo under load from another process, beside the library", session,
        new Example("sparserm bench serve", "about half a minute"),
        new Example("sparserm bench serve --clients 256 --minutes 10", "is anything lost, wrong or leaked in a long load"))
    {
        this.AddAll(_clients, _seconds, _minutes, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        if (args.GetValue(_minutes) is { } minutes)
        {
            if (args.Has(_seconds)) throw new UsageException("--minutes is another run than --seconds; give one of them");
            Endure(args, minutes);
            return;
        }
        var result = Meter.Run(Session, meter => ServeBenchmark.Run(args.GetValue(_clients) ?? 64, args.GetValue(_seconds) ?? 5, meter, Session.Cancel));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => Write(json, result));
        else Show(result);
    }

    private void Show(ServeResult result)
    {
        var table = Tables.Of("", ">Clients", ">Requests", ">Tokens/s", ">Tokens/CPU s", ">p50 ms", ">p99 ms");
        foreach (var (name, load) in Loads(result))
        {
            table.Row(name, $"{load.Clients}", Tables.Count(load.Requests), Tables.Count((int)load.TokensPerSecond), Tables.Count((int)load.TokensPerCpuSecond),
                $"{load.P50:F2}", $"{load.P99:F2}");
        }
        Session.Tables.Write(table);
        Session.Out.WriteLine($"server / engine, a second of its own processor time: {result.ServerToEngine:P0}");
        Session.Out.WriteLine($"text / ids: {result.TextToIds:P0}");
        Session.Out.WriteLine($"p99 / p50: {result.P99ToP50:F1}");
        Session.Out.WriteLine($"added latency of one request, p50: {result.AddedLatency:F2} ms");
        Session.Out.WriteLine($"16 answers to a prompt of {result.GroupPrompt} tokens in 16 POSTs: {result.GroupComputed} of {result.GroupTokens} tokens computed");
        Session.Out.WriteLine($"start to the first score: {result.FirstScore:F2} s");
    }

    private void Endure(ParseResult args, double minutes)
    {
        var result = Meter.Run(Session, meter => EnduranceBenchmark.Run(args.GetValue(_clients) ?? 64, minutes, meter, Session.Cancel));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => Write(json, result));
        else Show(result);
        Session.AfterInterrupt = $"the load ended after {result.Seconds:N0} s of {60 * minutes:N0}";
        Session.Cancel.ThrowIfCancellationRequested();
        if (result.Lost + result.Wrong > 0)
            throw new SparseRMException(ErrorKind.Internal, $"{result.Lost} requests were lost and {result.Wrong} answers were wrong; the first lost one: {result.FirstLost ?? "none"}");
    }

    private void Show(EnduranceResult result)
    {
        var table = Tables.Of("", ">Clients", ">Requests", ">Right", ">Wrong", ">Lost", ">Left on purpose");
        foreach (var count in result.Counts)
            table.Row(count.Sort, $"{count.Clients}", $"{count.Requests:N0}", $"{count.Right:N0}", $"{count.Wrong}", $"{count.Lost}", $"{count.Left:N0}");
        Session.Tables.Write(table);
        Session.Out.WriteLine($"{result.Lost} lost, {result.Wrong} wrong in {result.Seconds:N0} s");
        if (result.Memory.Count > 0) Session.Out.WriteLine($"resident memory of the server, MiB, mean of each minute: {string.Join(' ', result.Memory.Select(memory => $"{memory:F0}"))}");
        if (result.Growth is { } growth) Session.Out.WriteLine($"last minute / second minute: {growth:P1}");
    }

    private static void Write(Utf8JsonWriter json, EnduranceResult result)
    {
        new Report().Add("seconds", result.Seconds).Add("lost", (int)result.Lost).Add("wrong", (int)result.Wrong).Add("memory_growth", result.Growth).WriteTo(json);
        json.WriteStartArray("memory_mib");
        foreach (double memory in result.Memory) json.WriteNumberValue(Math.Round(memory, 1));
        json.WriteEndArray();
        json.WriteStartArray("clients");
        foreach (var count in result.Counts)
        {
            json.WriteStartObject();
            json.WriteString("name", count.Sort);
            json.WriteNumber("clients", count.Clients);
            json.WriteNumber("requests", count.Requests);
            json.WriteNumber("right", count.Right);
            json.WriteNumber("wrong", count.Wrong);
            json.WriteNumber("lost", count.Lost);
            json.WriteNumber("left", count.Left);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    // JSON has no word for what a load without requests gives.
    private static double? Finite(double ratio) => double.IsFinite(ratio) ? ratio : null;

    private static (string Name, LoadResult Load)[] Loads(ServeResult result) => [("engine", result.Engine), ("server, ids", result.Ids), ("server, text", result.Text)];

    private static void Write(Utf8JsonWriter json, ServeResult result)
    {
        new Report().Add("first_score_seconds", result.FirstScore).Add("server_to_engine_per_cpu_second", Finite(result.ServerToEngine))
            .Add("text_to_ids", Finite(result.TextToIds)).Add("p99_to_p50", Finite(result.P99ToP50)).Add("added_latency_ms", result.AddedLatency)
            .Add("group_tokens", result.GroupTokens).Add("group_computed_tokens", result.GroupComputed).Add("group_prompt_tokens", result.GroupPrompt).WriteTo(json);
        json.WriteStartArray("loads");
        foreach (var (name, load) in Loads(result))
        {
            json.WriteStartObject();
            new Report().Add("name", name).Add("clients", load.Clients).Add("requests", load.Requests).Add("tokens_per_second", load.TokensPerSecond)
                .Add("tokens_per_cpu_second", load.TokensPerCpuSecond).Add("p50_ms", load.P50).Add("p99_ms", load.P99).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
