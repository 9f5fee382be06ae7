using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class RopeAttentionTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.RopeAttention, MemberType = typeof(OpCases))]
    public void Fused_equals_composed_to_the_bit(OpCase c)
    {
        using var rig = c.Open();
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            foreach (int dHead in new[] { 2, 24, 64, 128, 256 })
            {
                // Two sequences of 30 and 23 tokens, the second with the first's beginning; all rows ask, then two read-outs.
                var options = new AttentionOptions(2, 1, dHead, 0.3f, 20, 17);
                int[] positions = [.. Enumerable.Range(0, 30), .. Enumerable.Range(10, 13)];
                Compare(rig, options, compute, positions, positions, new(0, 30, 0, 0, 0, 30), new(30, 13, 0, 10, 30, 13));
                Compare(rig, options, compute, [29, 22], positions, new(0, 1, 0, 0, 0, 30), new(1, 1, 0, 10, 30, 13));
            }
        }
        rig.CheckGuards();
    }

    private static void Compare(
        Rig rig, AttentionOptions o, DType compute, int[] queryPositions, int[] keyPositions, params AttentionSegment[] segments)
    {
        int queries = queryPositions.Length, keys = keyPositions.Length;
        var (q, k, v) = (rig.Random(queries, o.NHeads * o.DHead), rig.Random(keys, o.NKvHeads * o.DHead), rig.Random(keys, o.NKvHeads * o.DHead));
        var table = rig.Random(40, o.DHead);
        var (fused, composed) = (rig.Operand(queries, o.NHeads * o.DHead, compute), rig.Operand(queries, o.NHeads * o.DHead, compute));
        rig.Native.RopeAttention(q.Actual, k.Actual, v.Actual, queryPositions, keyPositions, table.Actual, segments, o, fused.Actual);
        rig.Native.Upload(q.Values, q.Actual);
        rig.Native.Upload(k.Values, k.Actual);
        rig.Native.Rope(q.Actual, queryPositions, table.Actual);
        rig.Native.Rope(k.Actual, keyPositions, table.Actual);
        rig.Native.Attention(q.Actual, k.Actual, v.Actual, queryPositions, segments, o, composed.Actual);
        TensorAssert.SameBits(rig.Actual(composed), rig.Actual(fused));
        Assert.Equal(v.Values, rig.Actual(v));
    }

    [Fact]
    public void A_table_of_other_heads_is_refused()
    {
        using var rig = new Rig(TestedBackends.Cpu, strided: false, threads: 1);
        var (q, k) = (rig.Random(1, 16).Actual, rig.Random(1, 8).Actual);
        var y = rig.Operand(1, 16, DType.F32).Actual;
        AttentionSegment[] whole = [new(0, 1, 0, 0, 0, 1)];
        var error = Assert.Throws<Errors.ShapeMismatchException>(
            () => OpChecks.RopeAttention(q, k, k, [0], [0], rig.Random(1, 4).Actual, whole, new AttentionOptions(2, 1, 8, 1, 0, 0), y));
        Assert.Contains("heads of 8", error.Message);
    }
}
