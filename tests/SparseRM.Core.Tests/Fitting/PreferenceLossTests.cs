using SparseRM.Errors;
using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class PreferenceLossTests
{
    [Theory]
    [InlineData(PreferenceLossKind.Margin, 2, 1.5, 0.5)]             // 1 - (2 - 1.5)
    [InlineData(PreferenceLossKind.Margin, 3, 1, 0)]
    [InlineData(PreferenceLossKind.BradleyTerry, 1, 1, 0.69314718055994529)] // ln 2
    [InlineData(PreferenceLossKind.BradleyTerry, 0, 1, 1.3132616875182228)]  // ln(1 + e)
    [InlineData(PreferenceLossKind.Bce, 0, 0, 0.69314718055994529)]
    [InlineData(PreferenceLossKind.Bce, 1, 0, 0.5032044340390841)]     // (ln(1 + 1/e) + ln 2) / 2
    public void Has_its_value(PreferenceLossKind kind, double chosen, double rejected, double expected)
        => Assert.Equal(expected, new PreferenceLoss(kind).Value(chosen, rejected), 1e-12);

    [Fact]
    public void The_loss_of_a_pair_far_apart_never_vanishes()
    {
        var loss = new PreferenceLoss(PreferenceLossKind.BradleyTerry);
        Assert.Equal(Math.Exp(-36.7368005696771), loss.Value(36.7368005696771, 0));
        for (double gap = 35; gap < 40; gap += 1.0 / 64)
        {
            // The sum 1 + e^-gap is rounded to half a unit in the last place of 1.
            Assert.InRange(loss.Value(gap, 0), double.Epsilon, Math.Exp(-gap) + Math.Pow(2, -53));
            Assert.True(loss.Value(gap, 0) <= loss.Value(gap - (1.0 / 64), 0), $"{gap}");
        }
    }

    [Theory]
    [InlineData(PreferenceLossKind.Margin)]
    [InlineData(PreferenceLossKind.BradleyTerry)]
    [InlineData(PreferenceLossKind.Bce)]
    public void Derivatives_equal_finite_differences(PreferenceLossKind kind)
    {
        var loss = new PreferenceLoss(kind, Margin: 1.25);
        const double h = 1e-6;
        foreach (double chosen in new[] { -7.5, -0.3, 0.1, 2.0, 9.0 })
        {
            foreach (double rejected in new[] { -4.0, 0.0, 0.7, 6.0 })
            {
                var (toChosen, toRejected) = loss.Derivatives(chosen, rejected);
                Assert.Equal((loss.Value(chosen + h, rejected) - loss.Value(chosen - h, rejected)) / (2 * h), toChosen, 1e-7);
                Assert.Equal((loss.Value(chosen, rejected + h) - loss.Value(chosen, rejected - h)) / (2 * h), toRejected, 1e-7);
            }
        }
    }

    [Theory]
    [InlineData(PreferenceLossKind.Margin)]
    [InlineData(PreferenceLossKind.BradleyTerry)]
    [InlineData(PreferenceLossKind.Bce)]
    public void Scores_of_any_size_neither_overflow_nor_vanish(PreferenceLossKind kind)
    {
        var loss = new PreferenceLoss(kind);
        Assert.Equal(kind == PreferenceLossKind.Margin ? 2001 : kind == PreferenceLossKind.Bce ? 1000 : 2000, loss.Value(-1000, 1000), 1e-9);
        Assert.Equal(0, loss.Value(1000, -1000), 1e-9);
        var (chosen, rejected) = loss.Derivatives(-1000, 1000);
        Assert.Equal(kind == PreferenceLossKind.Bce ? 0.5 : 1, rejected, 1e-12);
        Assert.Equal(-rejected, chosen, 1e-12);
        if (kind == PreferenceLossKind.BradleyTerry) Assert.Equal(Math.Exp(-100), loss.Value(100, 0), Math.Exp(-100) * 1e-12);
    }

    [Fact]
    public void Names_are_read_back_and_others_refused()
    {
        foreach (var kind in Enum.GetValues<PreferenceLossKind>()) Assert.Equal(kind, PreferenceLoss.Parse(PreferenceLoss.Name(kind)));
        Assert.Contains("\"hinge\"", Assert.Throws<SparseRMException>(() => PreferenceLoss.Parse("hinge")).Message);
    }
}
