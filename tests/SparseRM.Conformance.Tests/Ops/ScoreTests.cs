using SparseRM.Backends;
using SparseRM.Scoring;

namespace SparseRM.Conformance.Ops;

public class ScoreTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.Score, MemberType = typeof(OpCases))]
    public void Has_the_bits_of_the_host(OpCase c)
    {
        using var rig = c.Open();
        foreach (int dModel in c.Lengths)
        {
            Compare(rig, HeadInputKind.Projection, dModel, inputs: 2, hidden: 3, rows: 3);
            Compare(rig, HeadInputKind.Dense, dModel, inputs: dModel, hidden: 17, rows: 2);
        }
        foreach (int inputs in c.Lengths) Compare(rig, HeadInputKind.Random, 40, inputs, hidden: 1 + inputs % 7, rows: 1);
        Compare(rig, HeadInputKind.Projection, 300, 64, 512, 2);
        Compare(rig, HeadInputKind.Projection, 5, 33, 70, 0);
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void A_row_that_is_not_finite_scores_NaN_and_no_other(string backend)
    {
        using var rig = new Rig(backend, strided: true, threads: 2);
        var reward = Reward(rig, HeadInputKind.Projection, 300, 4, 5);
        using var resident = new ResidentReward(rig.Native, reward.Input, reward.Head);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var values = rig.Random(3 * 300);
            values[300 + 299] = bad;
            var (z, scores) = (rig.Pair(3, 300, values), rig.Guarded(3, 1));
            rig.Native.Score(z.Actual, resident, scores);
            float[] actual = Rig.Read(rig.Native, scores);
            Assert.Equal([false, true, false], actual.Select(float.IsNaN));
            Assert.Equal((float)reward.Score(values.AsSpan(0, 300)), actual[0]);
        }
    }

    /// <summary>Wider than the shared memory of a block: 40,000 hidden units are 320 KB of sums.</summary>
    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void A_head_of_any_width_is_scored(string backend)
    {
        using var rig = new Rig(backend, strided: false, threads: 2);
        Compare(rig, HeadInputKind.Projection, 4, 2, 40_000, 1);
    }

    [Fact]
    public void Heads_that_read_activations_and_states_of_another_width_are_refused()
    {
        using var rig = new Rig(TestedBackends.Cpu, strided: false, threads: 1);
        var activations = Reward(rig, HeadInputKind.Activations, 4, 2, 3);
        Assert.False(ResidentReward.Takes(activations.Input));
        Assert.Throws<ArgumentException>(() => new ResidentReward(rig.Native, activations.Input, activations.Head));
        var projection = Reward(rig, HeadInputKind.Projection, 4, 2, 3);
        using var resident = new ResidentReward(rig.Native, projection.Input, projection.Head);
        Assert.Contains(
            "d_model = 4", Assert.Throws<Errors.ShapeMismatchException>(() => rig.Native.Score(rig.Guarded(2, 5), resident, rig.Guarded(2, 1))).Message);
    }

    private static void Compare(Rig rig, HeadInputKind kind, int dModel, int inputs, int hidden, int rows)
    {
        var reward = Reward(rig, kind, dModel, inputs, hidden);
        using var resident = new ResidentReward(rig.Native, reward.Input, reward.Head);
        var (z, scores) = (rig.Random(rows, dModel, 3f), rig.Guarded(rows, 1));
        rig.Native.Score(z.Actual, resident, scores);
        TensorAssert.SameBits(
            [.. Enumerable.Range(0, rows).Select(row => (float)reward.Score(z.Values.AsSpan(row * dModel, dModel)))], Rig.Read(rig.Native, scores));
    }

    internal static RewardModel Reward(Rig rig, HeadInputKind kind, int dModel, int inputs, int hidden) =>
        TestRewards.Of(kind, dModel, inputs, hidden, count => rig.Random(count));
}
