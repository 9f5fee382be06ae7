using SparseRM.Backends;
using SparseRM.Conformance.Ops;
using SparseRM.Ilgpu;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>
/// The conformance suite runs groups of one lane, in which nothing can go wrong between lanes. Here groups have sixteen, each a thread of the
/// accelerator, so a barrier that is missing or that not all reach shows; shapes are small, since a barrier of threads takes long.
/// </summary>
public class LanesTests
{
    private const int Lanes = 16;

    private static Rig Open(int lanes) => new(IlgpuBackend.Open(TestedBackends.IlgpuCpu, 2, lanes), true);

    /// <summary>Runs the same on groups of one lane and of sixteen; both begin with the same random numbers.</summary>
    private static void SameBits(Func<Rig, float[]> run)
    {
        using var one = Open(1);
        using var many = Open(Lanes);
        TensorAssert.SameBits(run(one), run(many));
        many.CheckGuards();
    }

    [Fact]
    public void Tiles_are_shared_between_lanes() => SameBits(rig =>
    {
        rig.Native.Select(OpKind.MatMul, "tiled");
        var all = new List<float>();
        foreach (var (weights, compute) in new[] { (DType.F32, DType.F32), (DType.BF16, DType.F32), (DType.BF16, DType.BF16) })
        {
            var w = rig.Load(compute, new MatrixPart(rig.Files.Write(rig.Random(21 * 37), weights, 21, 37))).Actual;
            var (x, bias, y) = (rig.Packed(rig.Random(18, 37), compute), rig.Random(1, 21), rig.Guarded(18, 21));
            rig.Native.MatMul(x.Actual, new Product(w, bias.Actual, y));
            all.AddRange(Rig.Read(rig.Native, y));
        }
        return [.. all];
    });

    [Theory]
    [InlineData(GatedActivationKind.GeluTanh, DType.F32, DType.F32)]
    [InlineData(GatedActivationKind.Silu, DType.BF16, DType.F32)]
    [InlineData(GatedActivationKind.Silu, DType.BF16, DType.BF16)]
    public void Tiles_hold_gate_and_up(GatedActivationKind kind, DType weights, DType compute) => SameBits(rig =>
    {
        rig.Native.Select(OpKind.GatedMatMul, "tiled");
        var gate = rig.Load(compute, new MatrixPart(rig.Files.Write(rig.Random(21 * 19), weights, 21, 19))).Actual;
        var up = rig.Load(compute, new MatrixPart(rig.Files.Write(rig.Random(21 * 19), weights, 21, 19))).Actual;
        var (x, y) = (rig.Packed(rig.Random(17, 19), compute), rig.Operand(17, 21, compute));
        rig.Native.GatedMatMul(x.Actual, gate, up, kind, y.Actual);
        return rig.Actual(y);
    });

    [Fact]
    public void Dot_products_of_the_score_are_shared_between_lanes() => SameBits(rig =>
    {
        // More directions and hidden units than are computed at a time.
        var rewards = ScoreTests.Rewards(rig, HeadInputKind.Projection, 21, 66, 67, 2);
        using var resident = ScoreTests.Resident(rig, rewards);
        var (z, scores) = (rig.Random(3, 21), rig.Guarded(3, 2));
        rig.Native.Score(z.Actual, resident.Weights, scores);
        return Rig.Read(rig.Native, scores);
    });

    [Fact]
    public void Latents_are_counted_by_all_lanes() => SameBits(rig =>
    {
        var sae = PlainSae.Of(rig, 12, 90, new SaeActivation.TopK(7), rig.Random(12 * 90));
        using var encoder = new SaeEncoder(rig.Native, sae);
        var counts = rig.Guarded(2, 90);
        rig.Native.Upload(new float[180], counts);
        rig.Native.CountActive(rig.Random(5, 12).Actual, encoder.Weights, [1, 0, 0, 1, 2, 3, 1, 1, 0, 5], counts);
        float[] counted = Rig.Read(rig.Native, counts);
        Assert.Equal(7 * 14, counted.Sum());
        return counted;
    });

    [Fact]
    public void Keys_and_columns_of_attention_are_shared_between_lanes() => SameBits(rig =>
    {
        var (q, k, v) = (rig.Random(2, 40), rig.Random(70, 20), rig.Random(70, 20));
        var y = rig.Operand(2, 40, DType.F32).Actual;
        rig.Native.Attention(q.Actual, k.Actual, v.Actual, [68, 69], [new(0, 2, 0, 68, 68, 2)], new(2, 1, 20, 0.9f, 30, 0), y);
        return rig.Read(rig.Native, y);
    });

    [Fact]
    public void Sums_of_norms_are_shared_between_lanes()
    {
        using var rig = Open(Lanes);
        const int N = 77;
        var (x, delta, w) = (rig.Random(3, N, 3), rig.Random(3, N), rig.Random(1, N));
        var y = rig.Operand(3, N, DType.F32);
        rig.Oracle.AddRmsNorm(x.Expected, delta.Expected, w.Expected, w.Expected, 1e-6f, 1, y.Expected);
        rig.Native.AddRmsNorm(x.Actual, delta.Actual, w.Actual, w.Actual, 1e-6f, 1, y.Actual);
        var expected = rig.Expected(y);
        rig.Check(y, i => Tolerance.RmsNorm(N, expected[i]) + Tolerance.RmsNorm(N, 8));

        var (heads, norm) = (rig.Random(2, 3 * 21), rig.Random(1, 21));
        rig.Oracle.RmsNorm(heads.Expected, norm.Expected, 1e-6f, 1, heads.Expected);
        rig.Native.RmsNorm(heads.Actual, norm.Actual, 1e-6f, 1, heads.Actual);
        var normed = rig.Expected(heads);
        rig.Check(heads, i => Tolerance.RmsNorm(21, normed[i]));
    }

    [Theory]
    [InlineData("radix_select", 5)]
    [InlineData("bitonic_merge", 5)]
    [InlineData("bitonic_merge", 16)]
    public void The_largest_are_found_by_all_lanes(string variant, int k) => SameBits(rig =>
    {
        rig.Native.Select(OpKind.SaeEncode, variant);
        const int DSae = 90, DIn = 12;
        // Every second latent twice: ties at the threshold.
        var weights = rig.Random(DIn * DSae);
        for (int i = 0; i < DIn * DSae; i++) weights[i] = weights[i / (2 * DIn) * 2 * DIn + i % DIn];
        var sae = PlainSae.Of(rig, DIn, DSae, new SaeActivation.TopK(k), weights);
        using var encoder = new SaeEncoder(rig.Native, sae);
        var latents = new SparseLatents();
        rig.Native.SaeEncode(rig.Random(2, DIn).Actual, encoder.Weights, latents);
        Assert.Equal(2 * k, latents.Count);
        var ids = Enumerable.Range(0, 2).SelectMany(row => latents.Indices(row).ToArray()).Select(id => (float)id);
        return [.. ids, .. latents.Values(0), .. latents.Values(1)];
    });
}
