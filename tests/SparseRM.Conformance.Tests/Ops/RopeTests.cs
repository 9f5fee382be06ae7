using SparseRM.Backends;

namespace SparseRM.Conformance.Ops;

public class RopeTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.Rope, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_half(OpCase c)
    {
        using var rig = c.Open();
        foreach (int half in c.Lengths)
        {
            const int Heads = 3, Rows = 6;
            int dHead = 2 * half, width = Heads * dHead;
            var (x, table) = (rig.Random(Rows, width), rig.Random(9, dHead));
            int[] positions = [8, 0, 3, 3, 1, 7];
            rig.Oracle.Rope(x.Expected, positions, table.Expected);
            rig.Native.Rope(x.Actual, positions, table.Actual);
            rig.Check(x, i =>
            {
                int row = i / width, at = i % dHead, pair = at % half, start = i - at;
                float a = x.Values[start + pair], b = x.Values[start + pair + half];
                float cos = table.Values[positions[row] * dHead + pair], sin = table.Values[positions[row] * dHead + pair + half];
                return at < half ? Tolerance.Rope(a, b, cos, sin) : Tolerance.Rope(b, a, cos, sin);
            });
        }
    }
}
