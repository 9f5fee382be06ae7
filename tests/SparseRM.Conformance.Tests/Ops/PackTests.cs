using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class PackTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.Pack, MemberType = typeof(OpCases))]
    public void Keeps_every_element_rounded_to_the_nearest_bf16_or_not_at_all(OpCase c)
    {
        using var rig = c.Open();
        int rows = 1;
        foreach (int columns in c.Lengths)
        {
            foreach (var compute in new[] { DType.F32, DType.BF16 })
            {
                var x = rig.Random(rows, columns, 100);
                var expected = x.Values.Select(value => compute == DType.BF16 ? BFloat16.Round(value) : value).ToArray();
                Assert.Equal(expected, rig.Actual(rig.Packed(x, compute)));
                rig.CheckGuards();
            }
            rows = rows % 13 + 1;
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Pack, MemberType = typeof(OpCases))]
    public void Ties_go_to_the_even_neighbour(OpCase c)
    {
        using var rig = c.Open();
        float[] values = [1 + 1f / 256, 1 + 3f / 256, -1 - 1f / 256, -1 - 3f / 256, 0, -0f, 1e30f, 1 + 1f / 256 + 1f / 65536];
        var packed = rig.Packed(rig.Pair(1, values.Length, values), DType.BF16);
        Assert.Equal([1, 1 + 1f / 64, -1, -1 - 1f / 64, 0, 0, BFloat16.Round(1e30f), 1 + 1f / 128], rig.Actual(packed));
    }
}
