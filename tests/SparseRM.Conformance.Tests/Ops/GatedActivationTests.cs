using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class GatedActivationTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedActivation, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in c.Lengths)
            foreach (var kind in Enum.GetValues<GatedActivationKind>())
                foreach (var compute in new[] { DType.F32, DType.BF16 })
                    Compare(rig, kind, compute, rig.Random(3, n, 6), rig.Random(3, n, 6));
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedActivation, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_from_tiny_to_huge_gates(OpCase c)
    {
        using var rig = c.Open();
        const int N = 1024;
        var gate = new float[N];
        for (int i = 0; i < N; i++) gate[i] = (i % 2 == 0 ? 1 : -1) * MathF.Pow(10, -8 + 10.5f * i / N);  // 1e-8 .. 316
        var up = Enumerable.Repeat(1f, N).ToArray();
        foreach (var kind in Enum.GetValues<GatedActivationKind>()) Compare(rig, kind, DType.F32, rig.Pair(1, N, gate), rig.Pair(1, N, up));
    }

    private static void Compare(Rig rig, GatedActivationKind kind, DType compute, TensorPair gate, TensorPair up)
    {
        var y = rig.Operand(gate.Rows, gate.Columns, compute);
        rig.Oracle.GatedActivation(gate.Expected, up.Expected, kind, y.Expected);
        rig.Native.GatedActivation(gate.Actual, up.Actual, kind, y.Actual);
        rig.Check(y, i => Tolerance.GatedActivation(gate.Values[i], up.Values[i]));
    }
}
