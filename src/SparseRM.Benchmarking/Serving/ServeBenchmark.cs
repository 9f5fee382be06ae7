using System.Diagnostics;
using System.Text.Json.Nodes;
using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.Benchmarking.Serving;

/// <summary>The server on MiniWorld, in a process of its own, beside the library in this one: the same texts, the same number of callers.</summary>
/// <remarks>Without the prefix cache, but for the group: texts that come again would cost nothing on either side.</remarks>
public static class ServeBenchmark
{
    private const int Answers = 16;
    private const int Turns = 5; // of the three loads, which are compared: so all meet the same machine

    /// <summary>A text of the demo, as the library takes it and as bodies of requests.</summary>
    internal sealed record Sample(TokenSequence Sequence, byte[] Ids, byte[] Text, byte[] Classify);

    /// <summary>Measures.</summary>
    /// <param name="clients">Clients at once.</param>
    /// <param name="seconds">How long each load lasts.</param>
    /// <param name="progress">Told of the stages.</param>
    /// <param name="cancel">Checked between requests.</param>
    public static ServeResult Run(int clients, double seconds, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        RunAsync(clients, TimeSpan.FromSeconds(seconds), progress, cancel).GetAwaiter().GetResult();

    private static async Task<ServeResult> RunAsync(int clients, TimeSpan time, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        void Stage(int number) => progress?.Report(new WorkProgress("measuring", number, 5));
        Stage(0);
        using var scorer = Open();
        var samples = Samples(scorer);
        async Task Library(Sample sample, int _)
        {
            var result = (await scorer.ScoreAllAsync([new EncodedInput(sample.Sequence.Ids, 0, sample.Sequence.Ids.Length)], null, cancel).ConfigureAwait(false))[0];
            if (result.Error is not null) throw result.Error;
        }
        double Own()
        {
            using var process = Process.GetCurrentProcess();
            return process.TotalProcessorTime.TotalSeconds;
        }
        var engine = new Load(samples, clients, Own);
        await engine.WarmAsync(time / 2, Library, cancel).ConfigureAwait(false);

        Stage(1);
        long start = Stopwatch.GetTimestamp();
        using var server = ServerProcess.Start("--prefix-cache-mib", "0");
        server.Connect(clients);
        Task PostIds(Sample sample, int client) => server.Post(sample.Ids, client);
        await PostIds(samples[0], 0).ConfigureAwait(false);
        double first = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Task PostText(Sample sample, int client) => server.Post(sample.Text, client);
        var (ids, text) = (new Load(samples, clients, () => server.CpuSeconds), new Load(samples, clients, () => server.CpuSeconds));
        await ids.WarmAsync(time / 2, PostIds, cancel).ConfigureAwait(false);
        await text.WarmAsync(time / 2, PostText, cancel).ConfigureAwait(false);
        Stage(2);
        double added = Added(scorer, server.Address, samples, time);
        Stage(3);
        for (int turn = 0; turn < Turns; turn++)
        {
            await engine.RunAsync(time / Turns, Library, cancel).ConfigureAwait(false);
            await ids.RunAsync(time / Turns, PostIds, cancel).ConfigureAwait(false);
            await text.RunAsync(time / Turns, PostText, cancel).ConfigureAwait(false);
        }
        Stage(4);
        var (tokens, computed, prompt) = await Group(scorer).ConfigureAwait(false);
        Stage(5);
        return new ServeResult(first, engine.Result, ids.Result, text.Result, added, tokens, computed, prompt);
    }

    /// <summary>Median of one request after the other, less that of the library's call, in ms. Both take turns, so that they meet the same machine.</summary>
    private static double Added(RewardScorer scorer, Uri address, List<Sample> samples, TimeSpan time)
    {
        const int Turn = 50, Cold = 10; // calls of a turn, and those of them that are not counted
        using var socket = new HttpSocket(address);
        byte[][] requests = [.. samples.Select(sample => HttpSocket.Post("/v1/rewards", sample.Ids))];
        EncodedInput[] inputs = [.. samples.Select(sample => new EncodedInput(sample.Sequence.Ids, 0, sample.Sequence.Ids.Length))];
        var (library, server) = (new List<double>(), new List<double>());
        long start = Stopwatch.GetTimestamp();
        for (int next = 0; Stopwatch.GetElapsedTime(start) < time; next = (next + Turn) % samples.Count)
        {
            TakeTurn(library, i => scorer.ScoreAll([inputs[i]]));
            TakeTurn(server, i => socket.Ask(requests[i]));

            void TakeTurn(List<double> times, Action<int> ask)
            {
                for (int call = 0; call < Turn; call++)
                {
                    long began = Stopwatch.GetTimestamp();
                    ask((next + call) % samples.Count);
                    // What a process does for the first time, and then once more in better code, is no request's latency.
                    if (call >= Cold && Stopwatch.GetElapsedTime(start) > time / 4) times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                }
            }
        }
        library.Sort();
        server.Sort();
        return server[server.Count / 2] - library[library.Count / 2];
    }

    /// <summary>The demo's reward in this process, without the prefix cache.</summary>
    internal static RewardScorer Open() => RewardScorer.Open(MiniWorldDemo.Reward, new BackboneOptions { Model = MiniWorldDemo.Model, PrefixCacheBytes = 0 });

    /// <summary>Both answers of each of the demo's test questions.</summary>
    internal static List<Sample> Samples(RewardScorer scorer)
    {
        var samples = new List<Sample>();
        foreach (var item in PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "test")).Items)
        {
            foreach (var completion in item.Chosen.Concat(item.Rejected))
            {
                string prompt = item.Prompt[^1].Content!, answer = completion[^1].Content!;
                var sequence = scorer.Encode([new Message("user", prompt), new Message("assistant", answer)]);
                JsonArray Ids() => [.. sequence.Ids.ToArray().Select(id => (JsonNode)id)];
                samples.Add(new Sample(sequence, Body(new JsonObject { ["ids"] = Ids() }), Body(new JsonObject { ["prompt"] = prompt, ["response"] = answer }),
                    Body(new JsonObject { ["input"] = Ids(), ["use_activation"] = false })));
            }
        }
        return samples;
    }

    private static async Task<(int Tokens, long Computed, int Prompt)> Group(RewardScorer scorer)
    {
        string prompt = string.Join(' ', Enumerable.Repeat("the cat and the dog", 16));
        using var server = ServerProcess.Start();
        server.Connect(Answers);
        long before = await server.Metric("sparserm_computed_tokens_total").ConfigureAwait(false);
        int[] lengths = [.. Enumerable.Range(0, Answers).Select(i => scorer.Encode([new Message("user", prompt), new Message("assistant", $"{i}")]).Ids.Length)];
        await Task.WhenAll(Enumerable.Range(0, Answers).Select(i => server.Post(Body(new JsonObject { ["prompt"] = prompt, ["response"] = $"{i}" }), i))).ConfigureAwait(false);
        long after = await server.Metric("sparserm_computed_tokens_total").ConfigureAwait(false);
        int[] Ids(string answer) => scorer.Encode([new Message("user", prompt), new Message("assistant", answer)]).Ids.ToArray();
        return (lengths.Sum(), after - before, Ids("0").Zip(Ids("1")).TakeWhile(pair => pair.First == pair.Second).Count());
    }

    private static byte[] Body(JsonObject body) => System.Text.Encoding.UTF8.GetBytes(body.ToJsonString());
}
