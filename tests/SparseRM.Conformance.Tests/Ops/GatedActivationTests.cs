using SparseRM.Backends;

namespace SparseRM.Conformance.Ops;

public class GatedActivationTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedActivation, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length(OpCase c)
    {
        using var rig = c.Open();
        foreach (int n in OpCases.Lengths)
            foreach (var kind in Enum.GetValues<GatedActivationKind>())
                Compare(rig, kind, rig.Random(3, 2 * n, 6));
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedActivation, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_from_tiny_to_huge_gates(OpCase c)
    {
        using var rig = c.Open();
        const int N = 4096;
        var values = new float[2 * N];
        for (int i = 0; i < N; i++)
        {
            values[i] = (i % 2 == 0 ? 1 : -1) * MathF.Pow(10, -8 + 10.5f * i / N);  // 1e-8 .. 316
            values[N + i] = 1;
        }
        foreach (var kind in Enum.GetValues<GatedActivationKind>()) Compare(rig, kind, rig.Pair(1, 2 * N, values));
    }

    private static void Compare(Rig rig, GatedActivationKind kind, TensorPair gateUp)
    {
        int n = gateUp.Columns / 2;
        var y = rig.Empty(gateUp.Rows, n);
        rig.Oracle.GatedActivation(gateUp.Expected, kind, y.Expected);
        rig.Native.GatedActivation(gateUp.Actual, kind, y.Actual);
        rig.Check(y, i => Tolerance.GatedActivation(gateUp.Values[i / n * 2 * n + i % n], gateUp.Values[i / n * 2 * n + n + i % n]));
    }
}
