using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Fitting;

public sealed class MethodGoldenTests
{
    private readonly MethodGolden _golden = new();

    public static TheoryData<PreferenceLossKind, string> Losses => new()
    {
        { PreferenceLossKind.Margin, "margin" }, { PreferenceLossKind.BradleyTerry, "bradley_terry" }, { PreferenceLossKind.Bce, "bce" },
    };

    [Fact]
    public void Frequencies_and_chosen_latents_are_exact()
    {
        var frequency = _golden.Frequency();
        Assert.Equal(_golden.Doubles("freq_chosen").Select(share => (int)Math.Round(share * MethodGolden.Pairs)), frequency.ChosenCounts.ToArray());
        Assert.Equal(_golden.Doubles("freq_rejected").Select(share => (int)Math.Round(share * MethodGolden.Pairs)), frequency.RejectedCounts.ToArray());
        var selection = DirectionSelector.Select(frequency, MethodGolden.K);
        Assert.Equal(_golden.Ids("positive_latents"), selection.Positive.Select(latent => latent.Latent));
        Assert.Equal(_golden.Ids("negative_latents"), selection.Negative.Select(latent => latent.Latent));
        Assert.Empty(selection.Warnings);
    }

    [Fact]
    public void Directions_are_exact_and_projections_agree()
    {
        var input = Projection();
        Assert.Equal(_golden.Doubles("directions"), input.Directions.ToArray().Select(x => (double)x));
        Near(_golden.Doubles("projection_chosen"), input.ComputeRows(_golden.Singles("z_chosen")).Select(x => (double)x));
        Near(_golden.Doubles("projection_rejected"), input.ComputeRows(_golden.Singles("z_rejected")).Select(x => (double)x));
    }

    [Fact]
    public void Scores_agree()
    {
        var head = _golden.Parameters("init").Fold(InputScaling.Identity(MethodGolden.Inputs));
        var pairs = Pairs();
        Near(_golden.Doubles("score_chosen"), Enumerable.Range(0, MethodGolden.Pairs).Select(pair => head.Score(pairs.Chosen(pair))));
        Near(_golden.Doubles("score_rejected"), Enumerable.Range(0, MethodGolden.Pairs).Select(pair => head.Score(pairs.Rejected(pair))));
    }

    [Theory, MemberData(nameof(Losses))]
    public void Loss_and_gradient_agree(PreferenceLossKind kind, string name)
    {
        var (parameters, gradient) = (_golden.Parameters("init"), new HeadParameters(MethodGolden.Inputs, MethodGolden.Hidden));
        double loss = Batch().Compute(parameters, new PreferenceLoss(kind), gradient).Loss;
        Near(_golden.Doubles($"{name}.loss"), [loss]);
        Same($"{name}.grad", gradient);
    }

    [Theory, MemberData(nameof(Losses))]
    public void Twenty_steps_of_AdamW_agree(PreferenceLossKind kind, string name)
    {
        var (parameters, gradient) = (_golden.Parameters("init"), new HeadParameters(MethodGolden.Inputs, MethodGolden.Hidden));
        var batch = Batch();
        var optimiser = new AdamW(parameters.Values.Length, threads: 2);
        var losses = new List<double>();
        for (int step = 0; step < 20; step++)
        {
            losses.Add(batch.Compute(parameters, new PreferenceLoss(kind), gradient).Loss);
            optimiser.Step(parameters.Values, gradient.Values);
        }
        Near(_golden.Doubles($"{name}.loss_by_step"), losses);
        Same($"{name}.after20", parameters);
    }

    private HeadInput Projection()
    {
        float[] decoder = MethodGolden.Decoder();
        var selection = DirectionSelector.Select(_golden.Frequency(), MethodGolden.K);
        return HeadInputs.Projection(selection, MethodGolden.DModel,
            [.. selection.All.SelectMany(latent => decoder.AsSpan(latent.Latent * MethodGolden.DModel, MethodGolden.DModel).ToArray())]);
    }

    private PairInputs Pairs()
    {
        var input = Projection();
        return new PairInputs(input.ComputeRows(_golden.Singles("z_chosen")), input.ComputeRows(_golden.Singles("z_rejected")), MethodGolden.Inputs);
    }

    private HeadGradient Batch()
    {
        var batch = new HeadGradient(MethodGolden.Inputs, MethodGolden.Hidden, MethodGolden.Pairs, threads: 2);
        batch.Load(Pairs(), [.. Enumerable.Range(0, MethodGolden.Pairs)], InputScaling.Identity(MethodGolden.Inputs));
        return batch;
    }

    private void Same(string prefix, HeadParameters actual)
    {
        Near(_golden.Doubles($"{prefix}.W1"), Enumerable.Range(0, MethodGolden.Hidden).SelectMany(unit => actual.W1(unit).ToArray()));
        Near(_golden.Doubles($"{prefix}.b1"), actual.B1.ToArray());
        Near(_golden.Doubles($"{prefix}.W2"), actual.W2.ToArray());
        Near(_golden.Doubles($"{prefix}.b2"), [actual.B2]);
    }

    /// <summary>Within 1e-5, relative to the largest expected value for tensors of small ones.</summary>
    private static void Near(double[] expected, IEnumerable<double> actual)
    {
        double bound = 1e-5 * Math.Max(1e-3, expected.Max(Math.Abs));
        double[] found = [.. actual];
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
            Assert.True(Math.Abs(expected[i] - found[i]) <= bound, $"element {i}: expected {expected[i]:R}, found {found[i]:R}, bound {bound:R}");
    }
}
