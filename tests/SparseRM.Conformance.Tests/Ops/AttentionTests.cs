using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class AttentionTests
{
    private static double LargestNorm(TensorPair x, int dHead)
    {
        double largest = 0;
        for (int start = 0; start < x.Values.Length; start += dHead)
        {
            double squares = 0;
            foreach (float value in x.Values.AsSpan(start, dHead)) squares += (double)value * value;
            largest = Math.Max(largest, Math.Sqrt(squares));
        }
        return largest;
    }

    private static int[] Positions(params AttentionSegment[] segments) =>
        [.. segments.SelectMany(s => Enumerable.Range(s.PrefixCount + s.KeyCount - s.QueryCount, s.QueryCount))];

    /// <summary>Both compute types; where it is BF16, of operands that are bf16 values already, whose bound is the sharper.</summary>
    private static void Compare(Rig rig, AttentionOptions o, int queries, int keys, params AttentionSegment[] segments)
    {
        Compare(rig, DType.F32, false, o, queries, keys, segments);
        Compare(rig, DType.BF16, true, o, queries, keys, segments);
    }

    private static void Compare(Rig rig, DType compute, bool exact, AttentionOptions o, int queries, int keys, params AttentionSegment[] segments)
    {
        TensorPair Random(int rows, int columns) =>
            rig.Pair(rows, columns, [.. rig.Random(rows * columns).Select(value => exact ? BFloat16.Round(value) : value)]);
        var (q, k, v) = (Random(queries, o.NHeads * o.DHead), Random(keys, o.NKvHeads * o.DHead), Random(keys, o.NKvHeads * o.DHead));
        var y = rig.Operand(queries, o.NHeads * o.DHead, compute);
        var positions = Positions(segments);
        rig.Oracle.Attention(q.Expected, k.Expected, v.Expected, positions, segments, o, y.Expected);
        rig.Native.Attention(q.Actual, k.Actual, v.Actual, positions, segments, o, y.Actual);
        var sizes = rig.Operand(queries, o.NHeads * o.DHead, DType.F32);
        var absolute = rig.Pair(keys, o.NKvHeads * o.DHead, [.. v.Values.Select(Math.Abs)]);
        rig.Oracle.Attention(q.Expected, k.Expected, absolute.Expected, positions, segments, o, sizes.Expected);
        var means = rig.Expected(sizes);
        double normQ = LargestNorm(q, o.DHead), normK = LargestNorm(k, o.DHead);
        rig.Check(y, i => compute == DType.F32
            ? Tolerance.Attention(o.DHead, keys, o.Scale, normQ, normK, means[i])
            : Tolerance.AttentionInBf16(o.DHead, keys, o.Scale, normQ, normK, means[i], exact));
    }

    private static AttentionSegment Whole(int count) => new(0, count, 0, 0, 0, count);

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length_of_head_and_sequence(OpCase c)
    {
        using var rig = c.Open();
        foreach (int length in c.Lengths)
        {
            Compare(rig, new(2, 1, length, 0.7f, 0, 0), 9, 9, Whole(9));
            Compare(rig, new(4, 2, 8, 0.7f, 0, 0), length, length, Whole(length));
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_with_softcap_window_and_large_scores(OpCase c)
    {
        using var rig = c.Open();
        foreach (int window in c.Sample([0, 1, 5, 64, 70, 300], [0, 5, 70]))
        {
            Compare(rig, new(2, 1, 16, 1, 5, window), 150, 150, Whole(150));
            Compare(rig, new(2, 2, 16, 30, 0, window), 150, 150, Whole(150));
        }
        Compare(rig, new(2, 1, 256, 0.0625f, 50, 100), 130, 130, Whole(130));  // a group of Gemma-2-2B's heads
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_when_operands_are_rounded_to_bf16(OpCase c)
    {
        using var rig = c.Open();
        Compare(rig, DType.BF16, false, new(4, 2, 48, 0.14f, 50, 0), 90, 90, Whole(90));
        Compare(rig, DType.BF16, false, new(2, 1, 33, 0.2f, 0, 40), 67, 67, Whole(67));
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_segments_of_several_tasks_and_tasks_of_several_segments(OpCase c)
    {
        using var rig = c.Open();
        int whole = c.Sample([500], [200])[0];
        Compare(rig, new(2, 1, 16, 0.3f, 0, 0), whole, whole, Whole(whole));
        // More units of work than are shared out one by one: 150 sequences of 1 to 25 tokens, with heads of 6.
        int[] lengths = [.. Enumerable.Range(0, c.Sample([150], [60])[0]).Select(i => 1 + i * 7 % 25)];
        int start = 0;
        AttentionSegment[] segments = [.. lengths.Select(n => { start += n; return new AttentionSegment(start - n, n, 0, 0, start - n, n); })];
        Compare(rig, new(4, 2, 6, 0.4f, 50, 20), start, start, segments);
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void A_row_that_sees_one_key_gets_its_value(OpCase c)
    {
        using var rig = c.Open();
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            var (q, k) = (rig.Random(70, 20), rig.Random(70, 20, 5));
            var v = rig.Pair(70, 20, [.. rig.Random(70 * 20).Select(BFloat16.Round)]);
            var y = rig.Operand(70, 20, compute).Actual;
            rig.Native.Attention(q.Actual, k.Actual, v.Actual, Positions(Whole(70)), [Whole(70)], new(1, 1, 20, 0.5f, 0, 1), y);
            TensorAssert.SameBits(v.Values, rig.Read(rig.Native, y));
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_packed_sequences_shared_prefixes_and_few_queries(OpCase c)
    {
        using var rig = c.Open();
        // Rows: a prompt of 70, two answers of 13 and 66 that share it, a sequence of 3; the last asks with one row only.
        Compare(rig, new(4, 2, 24, 0.5f, 0, 0), 70 + 13 + 66 + 1, 70 + 13 + 66 + 3,
            new(0, 70, 0, 0, 0, 70), new(70, 13, 0, 70, 70, 13), new(83, 66, 0, 70, 83, 66), new(149, 1, 0, 0, 149, 3));
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_bf16_operands_of_common_heads(OpCase c)
    {
        using var rig = c.Open();
        foreach (int dHead in new[] { 64, 128, 256 })
        {
            Compare(rig, DType.BF16, true, new(2, 1, dHead, 0.1f, 0, 0), 70 + 13 + 1, 70 + 13 + 3,
                new(0, 70, 0, 0, 0, 70), new(70, 13, 0, 70, 70, 13), new(83, 1, 0, 0, 83, 3));
            Compare(rig, DType.BF16, true, new(2, 2, dHead, 0.1f, 5, 66), 90, 90, Whole(90));
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Attention, MemberType = typeof(OpCases))]
    public void A_row_has_the_same_bits_alone_in_any_batch_with_any_split_and_on_any_threads(OpCase c)
    {
        using var one = c.Open(1);
        using var three = c.Open(3);
        (int Window, int Heads, int DHead, DType Compute)[] few = [(0, 6, 20, DType.F32), (20, 6, 20, DType.BF16), (100, 2, 64, DType.BF16)];
        foreach (var (window, heads, dHead, compute) in c.Sample([.. few, (20, 6, 20, DType.F32), (100, 6, 20, DType.F32), (0, 2, 64, DType.BF16)], few))
        {
            const int T = 173;
            int width = heads * dHead, kvWidth = 2 * dHead;
            var o = new AttentionOptions(heads, 2, dHead, 0.9f, 30, window);
            var (q, k, v) = (one.Random(T, width), one.Random(T, kvWidth), one.Random(T, kvWidth));
            var y = one.Operand(T, width, compute).Actual;
            one.Native.Attention(q.Actual, k.Actual, v.Actual, Positions(Whole(T)), [Whole(T)], o, y);
            var all = one.Read(one.Native, y);

            var (q3, k3, v3) = (three.Pair(T, width, q.Values), three.Pair(T, kvWidth, k.Values), three.Pair(T, kvWidth, v.Values));
            foreach (int split in c.Sample([1, 50, 64, 65, 128, 172], [1, 65, 128]))
            {
                // The same keys as prefix and own part, in two segments: the prompt's queries, then the rest's.
                AttentionSegment[] segments = [new(0, split, 0, 0, 0, split), new(split, T - split, 0, split, split, T - split)];
                var parts = three.Operand(T, width, compute).Actual;
                three.Native.Attention(q3.Actual, k3.Actual, v3.Actual, Positions(segments), segments, o, parts);
                TensorAssert.SameBits(all, three.Read(three.Native, parts));
            }
            for (int row = 0; row < T; row += c.Sample([9], [43])[0])
            {
                var alone = three.Operand(1, width, compute).Actual;
                // Keys after the row are there too: they must not matter.
                three.Native.Attention(q3.Actual.RowRange(row, 1), k3.Actual, v3.Actual, [row], [new(0, 1, 0, 0, 0, T)], o, alone);
                TensorAssert.SameBits(all.AsSpan(row * width, width), three.Read(three.Native, alone));
            }
        }
    }
}
