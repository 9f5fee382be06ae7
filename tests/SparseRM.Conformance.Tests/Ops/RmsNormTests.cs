using SparseRM.Backends;

namespace SparseRM.Conformance.Ops;

public class RmsNormTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.RmsNorm, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length_and_in_place(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in OpCases.Lengths.Append(2304))
        {
            foreach (int groups in new[] { 1, 3 })
            {
                var (x, w, y) = (rig.Random(5, groups * n, 3), rig.Random(1, n), rig.Empty(5, groups * n));
                rig.Oracle.RmsNorm(x.Expected, w.Expected, 1e-6f, 1, y.Expected);
                rig.Native.RmsNorm(x.Actual, w.Actual, 1e-6f, 1, y.Actual);
                var expected = rig.Expected(y);
                rig.Check(y, i => Tolerance.RmsNorm(n, expected[i]));
                rig.Native.RmsNorm(x.Actual, w.Actual, 1e-6f, 1, x.Actual);
                TensorAssert.SameBits(rig.Actual(y), rig.Actual(x));
            }
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.AddRmsNorm, MemberType = typeof(OpCases))]
    public void Fused_equals_composed(OpCase c)
    {
        using var rig = c.Open();
        rig.Native.Select(OpKind.RmsNorm, c.Variant);
        foreach (int n in OpCases.Lengths.Append(2304))
        {
            var (residual, delta, w, y, z) = (rig.Random(4, n), rig.Random(4, n), rig.Random(1, n), rig.Empty(4, n), rig.Empty(4, n));
            var sum = rig.Empty(4, n);
            rig.Oracle.AddRmsNorm(residual.Expected, delta.Expected, w.Expected, 1e-5f, 0, y.Expected);
            rig.Native.Add(residual.Actual, delta.Actual, sum.Actual);
            rig.Native.RmsNorm(sum.Actual, w.Actual, 1e-5f, 0, z.Actual);
            rig.Native.AddRmsNorm(residual.Actual, delta.Actual, w.Actual, 1e-5f, 0, y.Actual);
            var expected = rig.Expected(y);
            rig.Check(y, i => Tolerance.RmsNorm(n, expected[i]));
            TensorAssert.SameBits(rig.Actual(z), rig.Actual(y));
            TensorAssert.SameBits(rig.Actual(sum), rig.Actual(residual));
        }
    }
}
