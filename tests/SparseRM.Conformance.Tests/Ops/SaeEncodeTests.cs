using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class SaeEncodeTests
{
    private const int DIn = 37;

    private static SparseAutoencoder Sae(Rig rig, SaeActivation activation, int dSae, bool scaled, float[]? weights = null) => new()
    {
        DIn = DIn,
        DSae = dSae,
        Layer = 0,
        HookName = null,
        WEnc = rig.Files.Write(weights ?? rig.Random(DIn * dSae), DType.F32, dSae, DIn),
        EncoderIsTransposed = true,
        EncoderScale = scaled ? rig.Random(dSae, 2f) : null,
        BEnc = rig.Random(dSae),
        WDec = rig.Files.Write(rig.Random(DIn * dSae), DType.F32, dSae, DIn),
        DecoderIsTransposed = false,
        DecoderScale = null,
        BDec = new float[DIn],
        InputNorm = SaeInputNorm.None,
        Activation = activation,
        Format = "test",
        GatingMode = null,
        Id = "test",
        Notes = [],
    };

    private static IEnumerable<SaeActivation> Activations(Rig rig, int dSae)
    {
        yield return new SaeActivation.Relu();
        yield return new SaeActivation.JumpRelu(rig.Random(dSae, 4f));
        yield return new SaeActivation.Gated(rig.Random(dSae), rig.Random(dSae), rig.Random(dSae));
        foreach (int k in new[] { 1, 5, 64, dSae, dSae + 1 }) yield return new SaeActivation.TopK(k);
        foreach (int k in new[] { 1, 3, dSae }) yield return new SaeActivation.GroupMax(k);
    }

    private static List<(int Row, int Latent, float Value)> List(SparseLatents latents)
    {
        var list = new List<(int, int, float)>();
        for (int row = 0; row < latents.Rows; row++)
            for (int i = 0; i < latents.Indices(row).Length; i++) list.Add((row, latents.Indices(row)[i], latents.Values(row)[i]));
        return list;
    }

    /// <summary>The meaning, step by step: product, scale, bias, <see cref="SaeGate"/>.</summary>
    private static SparseLatents Composed(Rig rig, SaeEncoder encoder, TensorPair x)
    {
        var sae = encoder.Sae;
        var y = rig.Guarded(x.Rows, sae.DSae);
        rig.Native.MatMul(rig.Packed(x, encoder.WEnc.Compute).Actual, new Product(encoder.WEnc, null, y));
        var pre = Rig.Read(rig.Native, y);
        for (int i = 0; i < pre.Length; i++) pre[i] = pre[i] * (sae.EncoderScale?[i % sae.DSae] ?? 1) + sae.BEnc[i % sae.DSae];
        var latents = new SparseLatents();
        for (int row = 0; row < x.Rows; row++)
        {
            int at = row * sae.DSae;
            latents.AddRow(sae.DSae, (ids, values) => SaeGate.Apply(sae.Activation, pre.AsSpan(at, sae.DSae), ids, values));
        }
        return latents;
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Fused_equals_composed_to_the_bit_on_any_threads(OpCase c)
    {
        using var rig = c.Open(3);
        rig.SelectNamesake(OpKind.MatMul, c.Variant);
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            foreach (int dSae in new[] { 3, 64, 201, 640 })
            {
                foreach (var activation in Activations(rig, dSae))
                {
                    var sae = Sae(rig, activation, dSae, dSae % 2 == 1);
                    using var encoder = new SaeEncoder(rig.Native, sae, compute);
                    var x = rig.Random(dSae == 201 ? 50 : 7, DIn);
                    var latents = new SparseLatents();
                    rig.Native.SaeEncode(x.Actual, encoder, latents);
                    Assert.Equal(x.Rows, latents.Rows);
                    Assert.Equal(List(Composed(rig, encoder, x)), List(latents));
                }
            }
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_where_no_latent_is_near_its_gate(OpCase c)
    {
        using var rig = c.Open();
        const int DSae = 333;
        foreach (var activation in Activations(rig, DSae))
        {
            var sae = Sae(rig, activation, DSae, true);
            using var expectedEncoder = new SaeEncoder(rig.Oracle, sae);
            using var actualEncoder = new SaeEncoder(rig.Native, sae);
            var x = rig.Random(4, DIn);
            var (expected, actual) = (new SparseLatents(), new SparseLatents());
            rig.Oracle.SaeEncode(x.Expected, expectedEncoder, expected);
            rig.Native.SaeEncode(x.Actual, actualEncoder, actual);
            // d_in = 37 terms of at most 1, scaled by at most 2. The seed has no pre-activation within the bound of its gate.
            double bound = Tolerance.Reduction(DIn, 2 * DIn) + 4 * Tolerance.U * (2 * DIn);
            var (a, b) = (List(expected).ToDictionary(e => (e.Row, e.Latent), e => e.Value), List(actual).ToDictionary(e => (e.Row, e.Latent), e => e.Value));
            Assert.NotEmpty(a);
            Assert.Equal(a.Keys.Order(), b.Keys.Order());
            foreach (var (key, value) in a) Assert.InRange(Math.Abs(value - b[key]), 0, bound);
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.SaeEncode, MemberType = typeof(OpCases))]
    public void Ties_go_to_the_lower_latent_across_panels_and_threads(OpCase c)
    {
        using var rig = c.Open(3);
        // All latents alike: every product is the same number, so the first k win, and the first of each group.
        const int DSae = 400;
        var sae = Sae(rig, new SaeActivation.TopK(70), DSae, false, [.. Enumerable.Repeat(0.5f, DIn * DSae)]);
        Array.Fill(sae.BEnc, 1f);
        var x = rig.Pair(9, DIn, [.. Enumerable.Repeat(1f, 9 * DIn)]);
        using (var encoder = new SaeEncoder(rig.Native, sae))
        {
            var latents = new SparseLatents();
            rig.Native.SaeEncode(x.Actual, encoder, latents);
            for (int row = 0; row < 9; row++) Assert.Equal(Enumerable.Range(0, 70), latents.Indices(row).ToArray());
        }
        var grouped = Sae(rig, new SaeActivation.GroupMax(4), DSae, false, [.. Enumerable.Repeat(0.5f, DIn * DSae)]);
        Array.Fill(grouped.BEnc, 1f);
        using (var encoder = new SaeEncoder(rig.Native, grouped))
        {
            var latents = new SparseLatents();
            rig.Native.SaeEncode(x.Actual, encoder, latents);
            for (int row = 0; row < 9; row++) Assert.Equal([0, 100, 200, 300], latents.Indices(row).ToArray());
        }
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void More_rows_than_one_native_call_takes_come_in_order(string backend)
    {
        using var rig = new Rig(backend, true, 2);
        var sae = Sae(rig, new SaeActivation.TopK(3), 70, false);
        using var encoder = new SaeEncoder(rig.Native, sae);
        var x = rig.Random(1100, DIn);
        var latents = new SparseLatents();
        rig.Native.SaeEncode(x.Actual, encoder, latents);
        Assert.Equal(List(Composed(rig, encoder, x)), List(latents));
    }
}
