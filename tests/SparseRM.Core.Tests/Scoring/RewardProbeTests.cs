using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

public sealed class RewardProbeTests
{
    private readonly RewardProbe _probe = new("cpu plain", [new(new(new[] { 1, 2, 3 }, ReadOut.At(2)), [0.5f, -1])]);

    [Fact]
    public void The_same_arithmetic_must_give_the_same_bits()
    {
        Assert.Equal(ProbeAgreement.SameBits, Check([0.5f, -1], "cpu plain", _ => throw new InvalidOperationException("asked for a bound")));
        string message = Refused([0.5f, MathF.BitIncrement(-1)], "cpu plain", _ => 1);
        Assert.StartsWith("r.safetensors: known answer 1 of component \"reward\" scores -0.99999994 with head 2, but scored -1 when it was fitted with the same kernels", message);
    }

    [Fact]
    public void Another_arithmetic_must_stay_within_its_bound()
    {
        Assert.Equal(ProbeAgreement.WithinBound, Check([0.5f, -1], "cpu vector", _ => 0));
        Assert.Equal(ProbeAgreement.WithinBound, Check([0.6f, -1], "cpu vector", head => head == 0 ? 0.11 : 0));
        Assert.Contains("other kernels may differ by 0.09", Refused([0.6f, -1], "cpu vector", _ => 0.09));
        Assert.Contains("NaN with head 1", Refused([float.NaN, -1], "cpu vector", _ => 1));
        Assert.Equal(ProbeAgreement.NotComparable, Check([70, -1], "cpu vector", null));
        Assert.Contains("NaN with head 1", Refused([float.NaN, -1], "cpu vector", null));
    }

    [Fact]
    public void The_shortest_different_inputs_are_chosen()
    {
        TokenSequence Of(params int[] ids) => new(ids, ReadOut.At(ids.Length - 1));
        var chosen = RewardProbe.Choose([Of(1, 2, 3), Of(9), Of(1, 2, 3), Of(4, 5), .. Enumerable.Range(10, 20).Select(id => Of(id, 1, 2, 3))]);
        Assert.Equal(RewardProbe.MostItems, chosen.Count);
        Assert.Equal([1, 2, 3, 4, 4, 4, 4, 4], chosen.Select(sequence => sequence.Ids.Length));
        Assert.Equal([10, 11], chosen.Skip(3).Take(2).Select(sequence => sequence.Ids.Span[0]));
        var probe = RewardProbe.Of("x", chosen, sequences => [.. sequences.Select(sequence => new float[] { sequence.Ids.Length })]);
        Assert.Equal([1f, 2, 3, 4, 4, 4, 4, 4], probe.Items.Select(item => item.Scores[0]));
    }

    [Fact]
    public void Refuses_probes_that_cannot_be()
    {
        Assert.Throws<ArgumentException>(() => new RewardProbe("x", []));
        Assert.Throws<ArgumentException>(() => new RewardProbe("", [_probe.Items[0]]));
        Assert.Throws<ArgumentException>(() => new RewardProbe("x", [new(new(new[] { 1 }, ReadOut.At(0)), [float.NaN])]));
        Assert.Throws<ArgumentException>(() => new RewardProbe("x", [new(new(new[] { 1 }, ReadOut.Mean(0, 2)), [1])]));
        Assert.Throws<ArgumentException>(() => new RewardProbe("x", [.. Enumerable.Repeat(_probe.Items[0], 9)]));
    }

    [Fact]
    public void The_bound_grows_with_the_slope_and_adds_the_jumps_of_gates_near_their_threshold()
    {
        // s = 3 v0 for v0 = z0: |grad| = 3, |z| = 5, d_model = 2.
        var head = new RewardHead(2, 1, [3, 0], [0], [1], 0);
        var dense = new HeadInput(HeadInputKind.Dense, 2, null, [], null);
        double error = 8 * 1e-3 * 5 / Math.Sqrt(2);
        Assert.Equal(3 * error, ScoreRounding.Bound(dense, head, [3, 4], 1e-3), 1e-9);
        var projection = new HeadInput(HeadInputKind.Random, 2, [0, 2, 1, 0], [], null);
        Assert.Equal(3 * 2 * error, ScoreRounding.Bound(projection, head, [3, 4], 1e-3), 1e-9);
        // A gate at 3 whose threshold is 2.999: it may switch, and would take 2.999 with it; one at 1 would not.
        LatentGates Gates(float threshold) => new(2, [1, 0, 0, 1], [0, 0], [threshold, 0], [1, 1], [0, 0]);
        DirectionLatent latent = new(1, 1, 1, 0, 1, 1);
        HeadInput Gated(float threshold) => new(HeadInputKind.Activations, 2, null, [latent, latent with { Latent = 2 }], Gates(threshold));
        Assert.Equal((3 * error) + (3 * 2.999), ScoreRounding.Bound(Gated(2.999f), head, [3, 4], 1e-3), 1e-5);
        Assert.Equal(3 * error, ScoreRounding.Bound(Gated(1), head, [3, 4], 1e-3), 1e-9);
    }

    private ProbeAgreement Check(float[] found, string arithmetic, Func<int, double>? bound) => _probe.Check("r.safetensors", "reward", 0, found, arithmetic, bound);

    private string Refused(float[] found, string arithmetic, Func<int, double>? bound)
        => Assert.Throws<SparseRMException>(() => Check(found, arithmetic, bound)).Message;
}
