using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Conformance;

/// <summary>Two threads that call one native backend at once: the second is refused, where both waited for ever before.</summary>
public sealed class TwoCallersTests : IDisposable
{
    private const int Rows = 64, Width = 512;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly Rig _rig = new(TestedBackends.Cpu, false, 3);

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void A_call_meanwhile_is_refused_and_whatever_is_computed_is_right()
    {
        var w = _rig.Load(DType.F32, new MatrixPart(_rig.Files.Write(_rig.Random(Width * Width), DType.F32, Width, Width))).Actual;
        var x = _rig.Packed(_rig.Random(Rows, Width), DType.F32).Actual;
        Tensor[] results = [_rig.Guarded(Rows, Width), _rig.Guarded(Rows, Width)];
        _rig.Native.MatMul(x, new Product(w, null, results[0]));
        float[] expected = Rig.Read(_rig.Native, results[0]);
        var refused = Race(caller => _rig.Native.MatMul(x, new Product(w, null, results[caller])), caller => Assert.Equal(expected, Rig.Read(_rig.Native, results[caller])));
        Assert.Contains("serves one thread at a time; open a backend for each thread, or let them take turns", refused.Message);
        Assert.StartsWith("cpu: MatMul: ", refused.Message);
        Assert.Equal(ErrorKind.Usage, refused.Kind);
    }

    [Fact]
    public void Latents_are_never_those_of_another_caller()
    {
        const int Latents = 256;
        var w = _rig.Load(DType.F32, new MatrixPart(_rig.Files.Write(_rig.Random(Width * Latents), DType.F32, Latents, Width))).Actual;
        var bias = _rig.Random(1, Latents);
        var weights = new SaeWeights { WEnc = w, Bias = bias.Actual, HostBias = bias.Values, Gate = new SaeGate(SaeGateKind.Relu) };
        Tensor[] states = [_rig.Random(Rows, Width).Actual, _rig.Random(Rows, Width).Actual];
        SparseLatents[] found = [new(), new()], expected = [new(), new()];
        for (int caller = 0; caller < 2; caller++) _rig.Native.SaeEncode(states[caller], weights, expected[caller]);
        var refused = Race(caller => _rig.Native.SaeEncode(states[caller], weights, found[caller]), caller =>
        {
            for (int row = 0; row < Rows; row++)
            {
                Assert.Equal(expected[caller].Indices(row).ToArray(), found[caller].Indices(row).ToArray());
                Assert.Equal(expected[caller].Values(row).ToArray(), found[caller].Values(row).ToArray());
            }
        });
        Assert.StartsWith("cpu: SaeEncode: ", refused.Message);
    }

    /// <summary>Two threads call until each computed something and one was refused; what is computed is checked on the thread that did.</summary>
    private static BackendBusyException Race(Action<int> call, Action<int> check)
    {
        BackendBusyException? refused = null;
        Exception? failed = null;
        int[] computed = new int[2];
        bool IsOver() => Volatile.Read(ref failed) is not null || (Volatile.Read(ref refused) is not null && Volatile.Read(ref computed[0]) > 0 && Volatile.Read(ref computed[1]) > 0);
        var threads = Enumerable.Range(0, 2).Select(caller => new Thread(() =>
        {
            while (!IsOver())
            {
                try
                {
                    call(caller);
                    check(caller);
                    Volatile.Write(ref computed[caller], 1);
                }
                catch (BackendBusyException busy)
                {
                    Volatile.Write(ref refused, busy);
                    Thread.Sleep(0);
                }
                catch (Exception error)
                {
                    Volatile.Write(ref failed, error);
                }
            }
        })
        { IsBackground = true }).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) Assert.True(thread.Join(s_patience), "a call did not come back");
        Assert.Null(failed);
        return refused!;
    }
}
