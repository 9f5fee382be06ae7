using System.Diagnostics;
using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Benchmarking.Serving;

/// <summary>A load of minutes on the server of the demo, in a process of its own: every answer is compared with the library's, none may be lost.</summary>
/// <remarks>
/// Of 16 clients, 11 post one text after the other on one connection each; one sends its request in pieces, and one reads its answer in pieces; one goes away with
/// half of a body sent or while it waits, by a FIN or by a reset; two close their half and wait.
/// </remarks>
public static class EnduranceBenchmark
{
    private static readonly string[] s_sorts = ["steady", "slow to send", "slow to read", "cut", "half-closed"];
    private static readonly int[] s_sortOf = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4];

    private sealed class Counts
    {
        public long Requests, Right, Wrong, Lost, Left;
        public int Clients;
    }

    private sealed record Sample(byte[] Request, float Score);

    /// <summary>Loads.</summary>
    /// <param name="clients">Clients at once.</param>
    /// <param name="minutes">How long.</param>
    /// <param name="progress">Told of the minutes.</param>
    /// <param name="cancel">Ends the load, not the result.</param>
    public static EnduranceResult Run(int clients, double minutes, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        RunAsync(clients, TimeSpan.FromMinutes(minutes), progress, cancel).GetAwaiter().GetResult();

    private static async Task<EnduranceResult> RunAsync(int clients, TimeSpan time, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var samples = Samples();
        using var server = ServerProcess.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        long start = Stopwatch.GetTimestamp();
        stop.CancelAfter(time);
        var counts = s_sorts.Select(_ => new Counts()).ToArray();
        string? firstLost = null;
        var running = Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            int sort = s_sortOf[client % s_sortOf.Length];
            Interlocked.Increment(ref counts[sort].Clients);
            var random = new Random(client);
            HttpSocket? kept = null;
            while (!stop.IsCancellationRequested)
            {
                var sample = samples[random.Next(samples.Count)];
                Interlocked.Increment(ref counts[sort].Requests);
                try
                {
                    if (sort == 0) kept ??= new HttpSocket(server.Address);
                    var answer = await Ask(sort, kept, server.Address, sample.Request, random).ConfigureAwait(false);
                    if (answer is not { } found) Interlocked.Increment(ref counts[sort].Left);
                    else if (BitConverter.SingleToInt32Bits(ScoreOf(found)) == BitConverter.SingleToInt32Bits(sample.Score)) Interlocked.Increment(ref counts[sort].Right);
                    else Interlocked.Increment(ref counts[sort].Wrong);
                }
                catch (Exception error)
                {
                    Interlocked.Increment(ref counts[sort].Lost);
                    Interlocked.CompareExchange(ref firstLost, $"{s_sorts[sort]}: {error.Message}", null);
                    kept?.Dispose();
                    kept = null;
                    await Task.Delay(100, CancellationToken.None).ConfigureAwait(false);
                }
            }
            kept?.Dispose();
        }, CancellationToken.None)).ToArray();
        var memory = await Watch(server, time, progress, stop.Token).ConfigureAwait(false);
        await Task.WhenAll(running).ConfigureAwait(false);
        return new EnduranceResult(Stopwatch.GetElapsedTime(start).TotalSeconds,
            [.. counts.Select((count, sort) => new EnduranceCounts(s_sorts[sort], count.Clients, count.Requests, count.Right, count.Wrong, count.Lost, count.Left))], memory, firstLost);
    }

    /// <returns>The answer, or null of a client that went away.</returns>
    private static async Task<HttpAnswer?> Ask(int sort, HttpSocket? kept, Uri address, byte[] request, Random random)
    {
        // A request is answered though the load ends meanwhile; the server's own deadline bounds it.
        var cancel = CancellationToken.None;
        if (kept is not null) return await kept.AskAsync(request, cancel).ConfigureAwait(false);
        using var socket = new HttpSocket(address);
        switch (s_sorts[sort])
        {
            case "slow to send":
                for (int at = 0; at < request.Length; at += 64)
                {
                    await socket.SendAsync(request.AsMemory(at, Math.Min(64, request.Length - at)), cancel).ConfigureAwait(false);
                    await Task.Delay(random.Next(5, 150), cancel).ConfigureAwait(false);
                }
                return await socket.ReceiveAsync(cancel).ConfigureAwait(false);
            case "slow to read":
                await socket.SendAsync(request, cancel).ConfigureAwait(false);
                await Task.Delay(random.Next(5, 500), cancel).ConfigureAwait(false);
                return await socket.ReceiveAsync(cancel, 50, TimeSpan.FromMilliseconds(20)).ConfigureAwait(false);
            case "cut":
                await socket.SendAsync(request.AsMemory(0, random.Next(2) == 0 ? request.Length - 10 : request.Length), cancel).ConfigureAwait(false);
                await Task.Delay(random.Next(0, 20), cancel).ConfigureAwait(false);
                socket.Leave(abruptly: random.Next(2) == 0);
                return null;
            default:
                await socket.SendAsync(request, cancel).ConfigureAwait(false);
                socket.CloseHalf();
                return await socket.ReceiveAsync(cancel).ConfigureAwait(false);
        }
    }

    private static async Task<List<double>> Watch(ServerProcess server, TimeSpan time, IProgress<WorkProgress>? progress, CancellationToken stop)
    {
        var minutes = new List<double>();
        double sum = 0;
        int samples = 0, whole = (int)time.TotalMinutes;
        progress?.Report(new WorkProgress("loading, minutes", 0, Math.Max(1, whole)));
        try
        {
            for (long start = Stopwatch.GetTimestamp(); ;)
            {
                await Task.Delay(1000, stop).ConfigureAwait(false);
                sum += server.Memory / (double)(1 << 20);
                samples++;
                if (Stopwatch.GetElapsedTime(start).TotalMinutes < minutes.Count + 1) continue;
                minutes.Add(sum / samples);
                (sum, samples) = (0, 0);
                progress?.Report(new WorkProgress("loading, minutes", Math.Min(minutes.Count, whole), Math.Max(1, whole)));
            }
        }
        catch (OperationCanceledException)
        {
            // The last minute's last second may be missing.
            if (samples >= 30) minutes.Add(sum / samples);
            return minutes;
        }
    }

    /// <summary>The demo's texts in three wires, each with the library's score.</summary>
    private static List<Sample> Samples()
    {
        using var scorer = ServeBenchmark.Open();
        var samples = new List<Sample>();
        foreach (var sample in ServeBenchmark.Samples(scorer))
        {
            float score = scorer.ScoreBatch([sample.Sequence])[0];
            samples.Add(new Sample(HttpSocket.Post("/v1/rewards", sample.Ids), score));
            samples.Add(new Sample(HttpSocket.Post("/v1/rewards", sample.Text), score));
            samples.Add(new Sample(HttpSocket.Post("/classify", sample.Classify), score));
        }
        return samples;
    }

    private static float ScoreOf(HttpAnswer answer)
    {
        if (answer.Status != 200) throw new SparseRMException(ErrorKind.Internal, $"the server answered {answer.Status}: {System.Text.Encoding.UTF8.GetString(answer.Body)}");
        using var json = JsonDocument.Parse(answer.Body);
        return json.RootElement.TryGetProperty("results", out var results) ? results[0].GetProperty("score").GetSingle() : json.RootElement.GetProperty("data")[0].GetProperty("probs")[0].GetSingle();
    }
}
