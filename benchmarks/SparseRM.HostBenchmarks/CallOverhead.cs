using System.Diagnostics;
using System.Text;
using SparseRM.Benchmarking;
using SparseRM.CApi;
using SparseRM.Demo;
using SparseRM.Models;

namespace SparseRM.HostBenchmarks;

/// <summary>
/// A function of the C API beside the facade's call that it makes, turn by turn in one process, on one scorer: the median difference is what the boundary
/// costs. The reward model reads after block 0 of the demo's model, so that a call is short beside it. Bytes are what the calling thread allocates.
/// </summary>
internal static unsafe class CallOverhead
{
    private const int Turns = 4000, WarmUp = 500;
    private const string Prompt = "What is six minus three?", Answer = "Three.";

    /// <summary>Prints the table.</summary>
    public static int Run()
    {
        using var fitted = new DemoReward(layer: 0);
        nint reward = Open(fitted.Path);
        using (var loan = Library.Handles.Borrow<RewardScorer>(reward))
        {
            var scorer = loan.Value;
            byte[] prompt = Encoding.UTF8.GetBytes(Prompt), answer = Encoding.UTF8.GetBytes(Answer);
            int[] ids = scorer.Backbone.Encoder.Encode([new("user", Prompt), new("assistant", Answer)]).Ids.ToArray();
            Console.WriteLine($"{"call",-34}{"facade us",11}{"C API us",11}{"over it us",12}{"facade B",10}{"C API B",10}");
            fixed (byte* asked = prompt, said = answer)
            fixed (int* first = ids)
            {
                byte* p = asked, a = said;
                int* i = first;
                Compare("srm_score, a text pair", () => scorer.Score(Prompt, Answer), () => Score(reward, p, prompt.Length, a, answer.Length));
                var input = Sized<NativeInput>();
                input.Kind = 4;
                input.Ids = i;
                input.IdCount = ids.Length;
                Compare("srm_score_batch, one input of ids", () => scorer.ScoreAll([scorer.Backbone.Encoder.EncodeIds(ids)])[0].Score, () => Batch(reward, [input]));
                var many = new NativeInput[64];
                many.AsSpan().Fill(input);
                var inputs = Enumerable.Repeat(ids, many.Length).ToArray();
                Compare("srm_score_batch, 64 such, for each", () => scorer.ScoreAll([.. inputs.Select(x => scorer.Backbone.Encoder.EncodeIds(x))])[0].Score,
                    () => Batch(reward, many), many.Length);
            }
        }
        delegate* unmanaged[Cdecl]<nint, int> close = &Exports.RewardClose;
        return close(reward);
    }

    private static void Compare(string what, Func<float> facade, Func<float> api, int units = 1)
    {
        int turns = Turns / Math.Min(units, 8);
        List<double> own = [], theirs = [], over = [];
        if (BitConverter.SingleToInt32Bits(facade()) != BitConverter.SingleToInt32Bits(api())) throw new InvalidOperationException($"{what}: the scores differ");
        for (int turn = 0; turn < turns + WarmUp; turn++)
        {
            // Whoever comes second finds the caches warm: they take turns with that, too.
            bool facadeFirst = turn % 2 == 0;
            double first = Time(facadeFirst ? facade : api), second = Time(facadeFirst ? api : facade);
            if (turn < WarmUp) continue;
            own.Add(facadeFirst ? first : second);
            theirs.Add(facadeFirst ? second : first);
            over.Add(theirs[^1] - own[^1]);
        }
        double Micro(List<double> seconds) => new Timings(seconds).Median * 1e6 / units;
        Console.WriteLine($"{what,-34}{Micro(own),11:0.00}{Micro(theirs),11:0.00}{Micro(over),12:0.00}{Bytes(facade) / units,10}{Bytes(api) / units,10}");
    }

    private static double Time(Func<float> call)
    {
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static long Bytes(Func<float> call)
    {
        const int Calls = 500;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++) call();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Calls;
    }

    private static nint Open(string path)
    {
        delegate* unmanaged[Cdecl]<byte*, byte*, NativeBackboneOptions*, nint*, int> open = &Exports.RewardOpen;
        var options = Sized<NativeBackboneOptions>();
        options.Threads = 1;
        nint reward;
        fixed (byte* model = Encoding.UTF8.GetBytes($"{MiniWorldDemo.Model}\0"), file = Encoding.UTF8.GetBytes($"{path}\0"))
        {
            options.Model = model;
            Check(open(file, null, &options, &reward));
        }
        return reward;
    }

    private static float Score(nint reward, byte* prompt, long promptLength, byte* answer, long answerLength)
    {
        delegate* unmanaged[Cdecl]<nint, byte*, long, byte*, long, float*, int> score = &Exports.Score;
        float found;
        Check(score(reward, prompt, promptLength, answer, answerLength, &found));
        return found;
    }

    private static float Batch(nint reward, ReadOnlySpan<NativeInput> inputs)
    {
        delegate* unmanaged[Cdecl]<nint, NativeInput*, long, NativeScoreOptions*, NativeResult*, int> score = &Exports.ScoreBatch;
        Span<NativeResult> results = stackalloc NativeResult[inputs.Length];
        results.Fill(Sized<NativeResult>());
        fixed (NativeInput* first = inputs)
        fixed (NativeResult* place = results) Check(score(reward, first, inputs.Length, null, place));
        return results[0].Score;
    }

    // Each struct begins with its size.
    private static T Sized<T>() where T : unmanaged
    {
        T made = default;
        *(long*)&made = sizeof(T);
        return made;
    }

    private static void Check(int status)
    {
        if (status != 0) throw new InvalidOperationException($"status {status}");
    }
}
