using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class ScoreTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.Score, MemberType = typeof(OpCases))]
    public void Has_the_bits_of_the_host_for_one_head_and_for_three(OpCase c)
    {
        using var rig = c.Open();
        foreach (int dModel in c.Lengths)
        {
            Compare(rig, HeadInputKind.Projection, dModel, inputs: 2, hidden: 3, rows: 3);
            Compare(rig, HeadInputKind.Dense, dModel, inputs: dModel, hidden: 17, rows: 2);
            Compare(rig, HeadInputKind.Projection, dModel, inputs: 5, hidden: 6, rows: 7, heads: 3);
        }
        foreach (int inputs in c.Lengths) Compare(rig, HeadInputKind.Random, 40, inputs, hidden: 1 + inputs % 7, rows: 1);
        Compare(rig, HeadInputKind.Projection, 300, 64, 512, 2);
        Compare(rig, HeadInputKind.Projection, 300, 70, 130, 6, heads: 3);
        Compare(rig, HeadInputKind.Dense, 20, 20, 70, 5, heads: 3);
        Compare(rig, HeadInputKind.Projection, 5, 33, 70, 0);
        rig.CheckGuards();
    }

    [Theory(SkipTestWithoutData = true), MemberData(nameof(OpCases.OfFastBackends), OpKind.Score, MemberType = typeof(OpCases))]
    public void Has_the_bits_of_the_host_at_the_size_of_a_real_model(OpCase c)
    {
        foreach (int threads in new[] { 1, 3 })
        {
            using var rig = c.Open(threads);
            Compare(rig, HeadInputKind.Projection, 2304, 256, 512, 17, heads: 2);
        }
    }

    [Fact]
    public void The_default_has_the_bits_of_the_head()
    {
        using var backend = new ReferenceBackend();
        var random = new Random(1);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        var (first, second) = (TestRewards.Of(HeadInputKind.Random, 21, 5, 9, Values), TestRewards.Of(HeadInputKind.Dense, 5, 5, 9, Values));
        using var resident = new ResidentHeads(backend, first.Input, [first.Head, second.Head]);
        Assert.Null(resident.Weights.Resident);
        float[] states = Values(2 * 21);
        states[25] = float.NaN;
        var (z, scores) = (new Tensor(backend.Allocate(42), 0, 2, 21, 21), new Tensor(backend.Allocate(4), 0, 2, 2, 2));
        backend.Upload(states, z);
        backend.Score(z, resident.Weights, scores);
        var v = new float[5];
        first.Input.Compute(states.AsSpan(0, 21), v);
        Assert.Equal([(float)first.Head.Score(v), (float)second.Head.Score(v), float.NaN, float.NaN], Rig.Read(backend, scores));
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.Score, MemberType = typeof(OpCases))]
    public void A_row_that_is_not_finite_scores_NaN_on_each_head_and_no_other_does(OpCase c)
    {
        using var rig = c.Open();
        var rewards = Rewards(rig, HeadInputKind.Projection, 300, 4, 5, 3);
        using var resident = Resident(rig, rewards);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var values = rig.Random(3 * 300);
            values[300 + 299] = bad;
            var (z, scores) = (rig.Pair(3, 300, values), rig.Guarded(3, 3));
            rig.Native.Score(z.Actual, resident.Weights, scores);
            float[] actual = Rig.Read(rig.Native, scores);
            Assert.Equal([false, false, false, true, true, true, false, false, false], actual.Select(float.IsNaN));
            TensorAssert.SameBits(Expected(rewards, values, 300, 1), actual.AsSpan(0, 3).ToArray());
        }
    }

    /// <summary>A unit's sum that is not a number adds nothing: states so large that v overflows and infinities meet.</summary>
    [Theory, MemberData(nameof(OpCases.For), OpKind.Score, MemberType = typeof(OpCases))]
    public void A_unit_that_is_not_a_number_adds_nothing(OpCase c)
    {
        using var rig = c.Open();
        var input = new HeadInput(HeadInputKind.Random, 2, [3e38f, 3e38f, 1, 1], [], gates: null);
        // The first unit is inf - inf, the second a finite sum.
        var head = new RewardHead(2, 3, [1, 0, 0, 1, 0, -1], [float.NegativeInfinity, 0.5f, 0], [5, 2, 7], 1);
        using var resident = new ResidentHeads(rig.Native, input, [head]);
        var (z, scores) = (rig.Pair(1, 2, [1e10f, 1e10f]), rig.Guarded(1, 1));
        rig.Native.Score(z.Actual, resident.Weights, scores);
        var v = new float[2];
        input.Compute(z.Values, v);
        Assert.True(float.IsInfinity(v[0]));
        Assert.Equal((float)head.Score(v), Rig.Read(rig.Native, scores)[0]);
        Assert.True(float.IsNaN(Rig.Read(rig.Native, scores)[0]) == double.IsNaN(head.Score(v)));
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
        var activations = Rewards(rig, HeadInputKind.Activations, 4, 2, 3, 1);
        Assert.False(ResidentHeads.Takes(activations[0].Input));
        Assert.Throws<ArgumentException>(() => Resident(rig, activations));
        var projections = Rewards(rig, HeadInputKind.Projection, 4, 2, 3, 2);
        using var resident = Resident(rig, projections);
        Assert.Contains("d_model = 4", Refused(rig.Guarded(2, 5), rig.Guarded(2, 2)));
        Assert.Contains("expected [2, 2]", Refused(rig.Guarded(2, 4), rig.Guarded(2, 1)));

        string Refused(Tensor z, Tensor scores) =>
            Assert.Throws<Errors.ShapeMismatchException>(() => rig.Native.Score(z, resident.Weights, scores)).Message;
    }

    [Fact]
    public void Heads_of_different_shapes_and_no_heads_are_refused()
    {
        using var rig = new Rig(TestedBackends.Cpu, strided: false, threads: 1);
        var (two, three) = (Rewards(rig, HeadInputKind.Projection, 4, 2, 3, 1)[0], Rewards(rig, HeadInputKind.Projection, 4, 2, 4, 1)[0]);
        Assert.Contains("2-4-1", Assert.Throws<ArgumentException>(() => new ResidentHeads(rig.Native, two.Input, [two.Head, three.Head])).Message);
        Assert.Throws<ArgumentException>(() => new ResidentHeads(rig.Native, two.Input, []));
    }

    [Fact]
    public void Weights_that_were_left_on_the_host_are_refused_by_a_backend_that_reads_them_in_its_memory()
    {
        using var rig = new Rig(TestedBackends.Cpu, strided: false, threads: 1);
        var reward = Rewards(rig, HeadInputKind.Projection, 4, 2, 3, 1)[0];
        using var resident = new ResidentHeads(rig.Oracle, reward.Input, [reward.Head]);
        Assert.Throws<ArgumentException>(() => rig.Native.Score(rig.Guarded(2, 4), resident.Weights, rig.Guarded(2, 1)));
    }

    private static void Compare(Rig rig, HeadInputKind kind, int dModel, int inputs, int hidden, int rows, int heads = 1)
    {
        var rewards = Rewards(rig, kind, dModel, inputs, hidden, heads);
        using var resident = Resident(rig, rewards);
        var (z, scores) = (rig.Random(rows, dModel, 3f), rig.Guarded(rows, heads));
        rig.Native.Score(z.Actual, resident.Weights, scores);
        TensorAssert.SameBits(Expected(rewards, z.Values, dModel, rows), Rig.Read(rig.Native, scores));
    }

    internal static ResidentHeads Resident(Rig rig, RewardModel[] rewards) => new(rig.Native, rewards[0].Input, [.. rewards.Select(reward => reward.Head)]);

    /// <summary>Each head alone on the host, over the first one's input.</summary>
    private static float[] Expected(RewardModel[] rewards, float[] states, int dModel, int rows)
    {
        var (v, expected) = (new float[rewards[0].Input.Count], new List<float>());
        for (int row = 0; row < rows; row++)
        {
            rewards[0].Input.Compute(states.AsSpan(row * dModel, dModel), v);
            expected.AddRange(rewards.Select(reward => (float)reward.Head.Score(v)));
        }
        return [.. expected];
    }

    internal static RewardModel[] Rewards(Rig rig, HeadInputKind kind, int dModel, int inputs, int hidden, int heads) =>
        [.. Enumerable.Range(0, heads).Select(_ => TestRewards.Of(kind, dModel, inputs, hidden, count => rig.Random(count)))];
}
