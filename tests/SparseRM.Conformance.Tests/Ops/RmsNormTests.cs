using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class RmsNormTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.RmsNorm, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length_and_in_place(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in c.Lengths.Append(2304))
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
    public void Fused_equals_composed_with_and_without_a_delta_and_its_norm(OpCase c)
    {
        using var rig = c.Open();
        rig.SelectNamesake(OpKind.RmsNorm, c.Variant);
        foreach (int n in c.Lengths.Append(577))
        {
            foreach (var compute in new[] { DType.F32, DType.BF16 })
            {
                foreach (var (hasDelta, hasNorm) in new[] { (false, false), (true, false), (true, true) })
                {
                    var (residual, delta, w, dw) = (rig.Random(4, n), rig.Random(4, n), rig.Random(1, n), rig.Random(1, n));
                    var (y, z) = (rig.Operand(4, n, compute), rig.Operand(4, n, compute));
                    var (sum, normed) = (rig.Pair(4, n, residual.Values), rig.Empty(4, n));
                    var branch = rig.Pair(4, n, delta.Values);
                    if (hasNorm) rig.Native.RmsNorm(branch.Actual, dw.Actual, 1e-5f, 1, branch.Actual);
                    if (hasDelta) rig.Native.Add(sum.Actual, branch.Actual, sum.Actual);
                    rig.Native.RmsNorm(sum.Actual, w.Actual, 1e-5f, 1, normed.Actual);
                    rig.Native.Pack(normed.Actual, z.Actual);

                    Fused(rig.Oracle, p => p.Expected, y.Expected);
                    Fused(rig.Native, p => p.Actual, y.Actual);
                    var expected = rig.Expected(y);
                    rig.Check(y, i => Tolerance.RmsNorm(n, expected[i]) + (hasDelta ? Tolerance.RmsNorm(n, 8) : 0));
                    TensorAssert.SameBits(rig.Actual(z), rig.Actual(y));
                    TensorAssert.SameBits(rig.Actual(sum), rig.Actual(residual));
                    TensorAssert.SameBits(rig.Actual(branch), rig.Actual(delta));

                    void Fused(Backend backend, Func<TensorPair, Tensor> of, Operand to) => backend.AddRmsNorm(
                        of(residual), hasDelta ? of(delta) : null, hasNorm ? of(dw) : null, of(w), 1e-5f, 1, to);
                }
            }
        }
    }
}
