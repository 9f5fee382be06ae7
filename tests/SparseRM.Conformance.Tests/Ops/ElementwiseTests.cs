using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class ElementwiseTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.Add, MemberType = typeof(OpCases))]
    public void Add_equals_the_oracle_to_the_bit_and_in_place(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in c.Lengths.Append(20_000))
        {
            var (a, b, y) = (rig.Random(3, n), rig.Random(3, n), rig.Empty(3, n));
            rig.Oracle.Add(a.Expected, b.Expected, y.Expected);
            rig.Native.Add(a.Actual, b.Actual, y.Actual);
            TensorAssert.SameBits(rig.Expected(y), rig.Actual(y));
            rig.Native.Add(a.Actual, b.Actual, b.Actual);
            TensorAssert.SameBits(rig.Expected(y), rig.Actual(b));
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.GatherRows, MemberType = typeof(OpCases))]
    public void GatherRows_copies_rows_in_the_order_asked_for(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in c.Lengths)
        {
            var (x, y) = (rig.Random(6, n), rig.Empty(4, n));
            int[] rows = [5, 0, 5, 2];
            rig.Oracle.GatherRows(x.Expected, rows, y.Expected);
            rig.Native.GatherRows(x.Actual, rows, y.Actual);
            TensorAssert.SameBits(rig.Expected(y), rig.Actual(y));
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.MeanRows, MemberType = typeof(OpCases))]
    public void MeanRows_equals_the_oracle_since_both_sum_in_float64(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in c.Lengths.Append(700))
        {
            var (x, y) = (rig.Random(12, n), rig.Empty(3, n));
            int[] starts = [1, 2, 9, 12];
            rig.Oracle.MeanRows(x.Expected, starts, y.Expected);
            rig.Native.MeanRows(x.Actual, starts, y.Actual);
            TensorAssert.SameBits(rig.Expected(y), rig.Actual(y));
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Embed, MemberType = typeof(OpCases))]
    public void Embed_equals_the_oracle_for_every_dtype_mapped_or_streamed(OpCase c)
    {
        using var rig = c.Open();
        foreach (var dtype in new[] { DType.F32, DType.BF16, DType.F16 })
        {
            foreach (int n in c.Lengths)
            {
                var values = rig.Random(7 * n, 1e-3f);  // small enough for subnormal halves
                foreach (var slice in new[] { rig.Files.Write(values, dtype, 7, n), WeightFiles.Stream(values, dtype, 7, n) })
                {
                    using var expected = rig.Oracle.OpenEmbedding(slice);
                    using var actual = rig.Native.OpenEmbedding(slice);
                    int[] ids = [6, 0, 3, 3];
                    var y = rig.Empty(4, n);
                    rig.Oracle.Embed(expected, ids, 1.7f, y.Expected);
                    rig.Native.Embed(actual, ids, 1.7f, y.Actual);
                    TensorAssert.SameBits(rig.Expected(y), rig.Actual(y));
                }
            }
        }
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Embed_names_the_token_whose_row_is_not_finite_and_reads_no_other_row(string backend)
    {
        using var rig = new Rig(backend, false, 2);
        using var table = rig.Native.OpenEmbedding(rig.Files.Write([1, 2, float.NaN, 4, 5, 6], DType.BF16, 3, 2));
        var y = rig.Empty(2, 2);
        rig.Native.Embed(table, [0, 2], 1, y.Actual);
        Assert.Equal([1, 2, 5, 6], rig.Actual(y));
        var error = Assert.Throws<ModelFormatException>(() => rig.Native.Embed(table, [2, 1], 1, y.Actual));
        Assert.Contains("the row of token 1", error.Message);
    }
}
