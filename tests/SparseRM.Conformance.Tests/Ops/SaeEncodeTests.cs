using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class SaeEncodeTests
{
    private const int DIn = 37;

    internal static SparseAutoencoder Sae(Rig rig, SaeActivation activation, float[] weights, float[] bias, float[]? scale = null, SaeInputNorm norm = SaeInputNorm.None)
    {
        int dSae = bias.Length, dIn = weights.Length / dSae;
        return new SparseAutoencoder
        {
            DIn = dIn,
            DSae = dSae,
            Layer = 0,
            HookName = null,
            WEnc = rig.Files.Write(weights, DType.F32, dSae, dIn),
            EncoderIsTransposed = true,
            EncoderScale = scale,
            BEnc = bias,
            WDec = rig.Files.Write(weights, DType.F32, dSae, dIn),
            DecoderIsTransposed = false,
            DecoderScale = null,
            BDec = new float[dIn],
            InputNorm = norm,
            Activation = activation,
            Format = "test",
            GatingMode = null,
            Id = "test",
            Notes = [],
        };
    }

    /// <summary>With any floats, and a scale where <paramref name="dSae"/> is odd.</summary>
    internal static SparseAutoencoder Sae(Rig rig, SaeActivation activation, int dSae) =>
        Sae(rig, activation, rig.Random(DIn * dSae), rig.Random(dSae), dSae % 2 == 1 ? rig.Random(dSae, 2f) : null);

    /// <summary>Multiples of 1/8 in [-1, 1]: products and sums of few of them are exact, whatever their order, and many are equal.</summary>
    private static float[] Eighths(Rig rig, int count) => [.. rig.Random(count, 8f).Select(value => MathF.Round(value) / 8)];

    internal static IEnumerable<SaeActivation> Activations(int dSae, Func<int, float[]> values)
    {
        yield return new SaeActivation.Relu();
        yield return new SaeActivation.JumpRelu(values(dSae));
        yield return new SaeActivation.Gated(values(dSae), values(dSae), values(dSae));
        foreach (int k in new[] { 0, 1, 5, 64, dSae - 1, dSae, dSae + 1 }) yield return new SaeActivation.TopK(k);
        foreach (int k in new[] { 1, 3, dSae }) yield return new SaeActivation.GroupMax(k);
    }

    private static List<(int Row, int Latent, float Value)> List(SparseLatents latents)
    {
        var list = new List<(int, int, float)>();
        for (int row = 0; row < latents.Rows; row++)
            for (int i = 0; i < latents.Indices(row).Length; i++) list.Add((row, latents.Indices(row)[i], latents.Values(row)[i]));
        return list;
    }

    private static List<(int Row, int Latent, float Value)> Encode(Backend backend, SparseAutoencoder sae, Tensor x, DType compute = DType.F32)
    {
        using var encoder = new SaeEncoder(backend, sae, compute);
        var latents = new SparseLatents();
        backend.SaeEncode(x, encoder.Weights, latents);
        Assert.Equal(x.Rows, latents.Rows);
        return List(latents);
    }

    /// <summary>The meaning, step by step: product, scale, bias, <see cref="SaeGate"/>.</summary>
    private static List<(int Row, int Latent, float Value)> Composed(Rig rig, SparseAutoencoder sae, TensorPair x, DType compute = DType.F32)
    {
        using var encoder = new SaeEncoder(rig.Native, sae, compute);
        var y = rig.Guarded(x.Rows, sae.DSae);
        rig.Native.MatMul(rig.Packed(x, encoder.Weights.WEnc.Compute).Actual, new Product(encoder.Weights.WEnc, null, y));
        var pre = Rig.Read(rig.Native, y);
        for (int i = 0; i < pre.Length; i++) pre[i] = pre[i] * (sae.EncoderScale?[i % sae.DSae] ?? 1) + sae.BEnc[i % sae.DSae];
        return Gated(sae.Activation, pre, x.Rows);
    }

    private static List<(int Row, int Latent, float Value)> Gated(SaeActivation activation, float[] pre, int rows)
    {
        int dSae = pre.Length / rows;
        var latents = new SparseLatents();
        for (int row = 0; row < rows; row++)
        {
            int at = row * dSae;
            latents.AddRow(dSae, (ids, values) => activation.Gate.Apply(pre.AsSpan(at, dSae), ids, values));
        }
        return List(latents);
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Fused_equals_composed_to_the_bit(OpCase c)
    {
        using var rig = c.Open(3);
        rig.SelectNamesake(OpKind.MatMul, c.Variant);
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            foreach (int dSae in c.Sample([3, 64, 201, 640], [3, 201]))
            {
                foreach (var activation in Activations(dSae, n => rig.Random(n, 4f)))
                {
                    var sae = Sae(rig, activation, dSae);
                    var x = rig.Random(dSae == 201 ? 50 : 7, DIn);
                    Assert.Equal(Composed(rig, sae, x, compute), Encode(rig.Native, sae, x.Actual, compute));
                }
            }
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Any_number_of_rows_fills_its_blocks(OpCase c)
    {
        using var rig = c.Open(2);
        rig.SelectNamesake(OpKind.MatMul, c.Variant);
        foreach (var activation in new SaeActivation[] { new SaeActivation.Relu(), new SaeActivation.TopK(9), new SaeActivation.GroupMax(11) })
        {
            var sae = Sae(rig, activation, 401);
            for (int rows = 1; rows <= 13; rows++)
            {
                var x = rig.Random(rows, DIn);
                Assert.Equal(Composed(rig, sae, x), Encode(rig.Native, sae, x.Actual));
            }
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_to_the_bit_where_every_sum_is_exact(OpCase c)
    {
        using var rig = c.Open();
        const int DSae = 333;
        foreach (var activation in Activations(DSae, n => Eighths(rig, n)))
        {
            var sae = Sae(rig, activation, Eighths(rig, DIn * DSae), Eighths(rig, DSae), Eighths(rig, DSae));
            var x = rig.Pair(4, DIn, Eighths(rig, 4 * DIn));
            foreach (var compute in new[] { DType.F32, DType.BF16 })
                Assert.Equal(Encode(rig.Oracle, sae, x.Expected, compute), Encode(rig.Native, sae, x.Actual, compute));
        }
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Any_number_of_threads_gives_the_same_latents(string backend)
    {
        const int DSae = 1600;
        List<(int, int, float)>[]? alone = null;
        foreach (int threads in backend == TestedBackends.Cpu ? [1, 2, 3, 5, 8] : new[] { 1, 3 })
        {
            using var rig = new Rig(backend, true, threads);
            var saes = Activations(DSae, n => Eighths(rig, n)).Select(a => Sae(rig, a, Eighths(rig, DIn * DSae), Eighths(rig, DSae))).ToArray();
            var x = rig.Pair(19, DIn, Eighths(rig, 19 * DIn));
            var found = saes.Select(sae => Encode(rig.Native, sae, x.Actual)).ToArray();
            alone ??= found;
            for (int i = 0; i < saes.Length; i++) Assert.Equal(alone[i], found[i]);
        }
    }

    /// <summary>Pre-activations by latent: those orders and values that a gate might stumble over.</summary>
    private static IEnumerable<float[]> Sequences(Rig rig)
    {
        const int DSae = 1501;
        float[] Of(Func<int, float> value) => [.. Enumerable.Range(0, DSae).Select(value)];
        float[] special =
            [float.NaN, -0f, 0f, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -float.Epsilon, 1f, float.MaxValue, -1f];
        yield return Of(i => i + 1);
        yield return Of(i => DSae - i);
        yield return Of(_ => 0.5f);
        yield return Of(_ => -0.5f);
        yield return Of(_ => float.NaN);
        yield return Of(i => i % 7 - 3);
        yield return Of(i => i % 200 == 199 ? 1 : -1);
        yield return Of(i => i < 700 ? 1 : 1 + i % 3);
        yield return Of(i => special[i * 31 % special.Length]);
        yield return rig.Random(DSae);
    }

    [Theory, MemberData(nameof(OpCases.Dense), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Equals_the_plain_gate_on_values_in_any_order_with_ties_and_without_numbers(OpCase c)
    {
        using var rig = c.Open(3);
        var x = rig.Random(c.Sample([8], [3])[0], 40);
        foreach (var pre in Sequences(rig))
        {
            // Weights of zero: the bias alone is what the gate sees.
            var weights = new float[pre.Length * x.Columns];
            foreach (var activation in Activations(pre.Length, _ => [.. pre.AsEnumerable().Reverse()]))
            {
                var expected = Gated(activation, [.. Enumerable.Repeat(pre, x.Rows).SelectMany(row => row)], x.Rows);
                Assert.Equal(expected, Encode(rig.Native, Sae(rig, activation, weights, pre), x.Actual));
            }
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Ties_go_to_the_lower_latent_across_panels_and_threads(OpCase c)
    {
        using var rig = c.Open(3);
        // All latents alike: every product is the same number, so the first k win, and the first of each group.
        const int DSae = 400;
        float[] weights = [.. Enumerable.Repeat(0.5f, DIn * DSae)], bias = [.. Enumerable.Repeat(1f, DSae)];
        var x = rig.Pair(9, DIn, [.. Enumerable.Repeat(1f, 9 * DIn)]);
        var expected = Enumerable.Range(0, 9).SelectMany(row => Enumerable.Range(0, 70).Select(latent => (row, latent, 1 + DIn * 0.5f)));
        Assert.Equal(expected, Encode(rig.Native, Sae(rig, new SaeActivation.TopK(70), weights, bias), x.Actual));
        var firsts = Enumerable.Range(0, 9).SelectMany(row => Enumerable.Range(0, 4).Select(group => (row, 100 * group, 1 + DIn * 0.5f)));
        Assert.Equal(firsts, Encode(rig.Native, Sae(rig, new SaeActivation.GroupMax(4), weights, bias), x.Actual));
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void More_rows_than_one_native_call_takes_come_in_order(string backend)
    {
        using var rig = new Rig(backend, true, 2);
        var sae = Sae(rig, new SaeActivation.TopK(3), 70);
        var x = rig.Random(1100, DIn);
        Assert.Equal(Composed(rig, sae, x), Encode(rig.Native, sae, x.Actual));
    }

    /// <summary>States that lie on the backend, in any stride and across blocks, give what the same states give from the host.</summary>
    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void States_on_the_backend_give_the_latents_and_counts_of_the_same_states_on_the_host(string backend)
    {
        using var rig = new Rig(backend, strided: true, threads: 2);
        foreach (var norm in Enum.GetValues<SaeInputNorm>())
        {
            const int Rows = 515, DSae = 70;
            using var encoder = new SaeEncoder(rig.Native, Sae(rig, new SaeActivation.JumpRelu(rig.Random(DSae)), rig.Random(8 * DSae), rig.Random(DSae), norm: norm));
            var x = rig.Random(Rows, 8);
            int[] times = [.. Enumerable.Range(0, 2 * Rows).Select(i => i % 3)];
            List<(int Row, int Latent, float Value)> host = [], device = [];
            encoder.Encode(x.Values, (row, latents, values) => Keep(host, row, latents, values));
            encoder.Encode(x.Actual, (row, latents, values) => Keep(device, row, latents, values));
            Assert.Equal(Rows, host.Select(entry => entry.Row).Distinct().Count());
            Assert.Equal(host, device);
            var counts = rig.Guarded(2, DSae);
            rig.Native.Upload(new float[2 * DSae], counts);
            encoder.Count(x.Actual, times, counts);
            var expected = new float[2 * DSae];
            foreach (var (row, latent, _) in host)
            {
                expected[latent] += times[2 * row];
                expected[DSae + latent] += times[2 * row + 1];
            }
            TensorAssert.SameBits(expected, Rig.Read(rig.Native, counts));
            TensorAssert.SameBits(x.Values, rig.Actual(x));
        }
        rig.CheckGuards();

        static void Keep(List<(int, int, float)> list, int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> values)
        {
            for (int i = 0; i < latents.Length; i++) list.Add((row, latents[i], values[i]));
        }
    }

    [Fact]
    public void Encoding_again_allocates_nothing()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        var x = rig.Random(20 * DIn);
        SaeEncoder.RowReader ignore = (_, _, _) => { };
        foreach (var activation in new SaeActivation[] { new SaeActivation.Relu(), new SaeActivation.TopK(9), new SaeActivation.GroupMax(11) })
        {
            using var encoder = new SaeEncoder(rig.Native, Sae(rig, activation, 640));
            for (int i = 0; i < 50; i++) encoder.Encode(x, ignore);
            // The least of several: the runtime may allocate once on this thread while it recompiles, an encoding would in each.
            long least = long.MaxValue;
            for (int round = 0; round < 5; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < 50; i++) encoder.Encode(x, ignore);
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
            Assert.Equal(0, least);
        }
    }
}
