using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class CountActiveTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.CountActive, MemberType = typeof(OpCases))]
    public void Counts_what_encoding_finds_and_adds_to_what_was_counted(OpCase c)
    {
        using var rig = c.Open();
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            foreach (int dSae in new[] { 3, 201 })
            {
                foreach (var activation in SaeEncodeTests.Activations(dSae, n => rig.Random(n, 4f)))
                {
                    var sae = SaeEncodeTests.Sae(rig, activation, dSae);
                    var x = rig.Random(dSae == 201 ? 50 : 7, sae.DIn);
                    using var encoder = new SaeEncoder(rig.Native, sae, compute);
                    var counts = rig.Guarded(2, dSae);
                    var expected = rig.Random(2, dSae).Values.Select(value => MathF.Round(value * 100)).ToArray();
                    rig.Native.Upload(expected, counts);
                    foreach (int seed in new[] { 1, 2 })
                    {
                        var random = new Random(seed);
                        int[] times = [.. Enumerable.Range(0, 2 * x.Rows).Select(_ => random.Next(0, 4))];
                        rig.Native.CountActive(x.Actual, encoder.Weights, times, counts);
                        var latents = new SparseLatents();
                        rig.Native.SaeEncode(x.Actual, encoder.Weights, latents);
                        for (int row = 0; row < x.Rows; row++)
                            foreach (int latent in latents.Indices(row))
                                for (int side = 0; side < 2; side++) expected[side * dSae + latent] += times[2 * row + side];
                    }
                    Assert.Equal(expected, Rig.Read(rig.Native, counts));
                }
            }
        }
        rig.CheckGuards();
    }

    /// <summary>Weights of zero: the bias alone is what the gate sees, and the gates' own vectors have values that are no numbers too.</summary>
    [Theory, MemberData(nameof(OpCases.For), OpKind.CountActive, MemberType = typeof(OpCases))]
    public void A_latent_that_is_not_a_number_is_never_counted(OpCase c)
    {
        using var rig = c.Open();
        const int DSae = 66;
        float[] special = [float.NaN, 1f, -0f, float.PositiveInfinity, float.NegativeInfinity, 0f, -1f, float.Epsilon, 2f];
        float[] pre = [.. Enumerable.Range(0, DSae).Select(i => special[i * 5 % special.Length])];
        var x = rig.Random(3, 8);
        foreach (var activation in SaeEncodeTests.Activations(DSae, _ => [.. pre.AsEnumerable().Reverse()]))
        {
            using var encoder = new SaeEncoder(rig.Native, SaeEncodeTests.Sae(rig, activation, new float[DSae * 8], pre));
            var counts = rig.Guarded(2, DSae);
            rig.Native.Upload(new float[2 * DSae], counts);
            rig.Native.CountActive(x.Actual, encoder.Weights, [1, 0, 2, 0, 0, 5], counts);
            var (ids, values) = (new int[DSae], new float[DSae]);
            int active = activation.Gate.Apply(pre, ids, values);
            Assert.DoesNotContain(ids.Take(active), id => float.IsNaN(pre[id]));
            var expected = new float[2 * DSae];
            foreach (int id in ids.Take(active)) (expected[id], expected[DSae + id]) = (3, 5);
            Assert.Equal(expected, Rig.Read(rig.Native, counts));
        }
        rig.CheckGuards();
    }

    [Fact]
    public void Times_and_counts_of_another_shape_are_refused()
    {
        using var rig = new Rig(TestedBackends.Cpu, strided: false, threads: 1);
        var sae = SaeEncodeTests.Sae(rig, new SaeActivation.Relu(), 5);
        using var encoder = new SaeEncoder(rig.Native, sae);
        var x = rig.Random(3, sae.DIn).Actual;
        Assert.Contains("5 times", Assert.Throws<Errors.ShapeMismatchException>(() => rig.Native.CountActive(x, encoder.Weights, new int[5], rig.Guarded(2, 5))).Message);
        Assert.Contains("[2, 5]", Assert.Throws<Errors.ShapeMismatchException>(() => rig.Native.CountActive(x, encoder.Weights, new int[6], rig.Guarded(2, 4))).Message);
    }
}
