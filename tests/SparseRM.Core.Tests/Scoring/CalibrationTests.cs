using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>Probabilities of margins.</summary>
public class CalibrationTests
{
    [Fact]
    public void A_margin_is_a_logistic_of_its_temperature_and_answers_share_by_luce()
    {
        var calibration = new ScoreCalibration(2, 0.5, 10, 0.1, 0.05);
        Assert.Equal(1 / (1 + Math.Exp(-1.5)), calibration.OfMargin(3), 12);
        Assert.Equal(1, calibration.OfMargin(3) + calibration.OfMargin(-3), 12);
        Assert.Equal(0.5, calibration.OfScore(0.5), 12);
        double[] two = calibration.OfScores([1, -2]), many = calibration.OfScores([1000, 0, -1000, 999]);
        Assert.Equal(calibration.OfMargin(3), two[0], 12);
        Assert.Equal(1, many.Sum(), 12);
        Assert.All(many, share => Assert.InRange(share, 0, 1));
    }

    [Fact]
    public void The_temperature_of_margins_that_were_drawn_by_one_is_found_again()
    {
        var random = new SeededRandom(5);
        foreach (double temperature in (double[])[0.2, 1, 7])
        {
            // Which answer is preferred is drawn by the margin's own probability; the margin is then told from the preferred one.
            double[] margins = [.. Enumerable.Range(0, 20_000).Select(_ =>
            {
                double margin = 4 * temperature * random.NextGaussian();
                return random.NextDouble() < 1 / (1 + Math.Exp(-margin / temperature)) ? margin : -margin;
            })];
            var found = CalibrationFit.Of(margins, [1], [0]);
            Assert.InRange(found.Temperature / temperature, 0.95, 1.05);
            Assert.InRange(found.ErrorAfter, 0, 0.01);
            Assert.Equal(Reliability.Of(margins, 1).Error, found.ErrorBefore);
        }
    }

    [Theory]
    [InlineData(1e-6)]
    [InlineData(1e6)]
    public void The_temperature_grows_with_the_margins(double scale)
    {
        double[] margins = [3, 2, -1, 0.5, -0.25, 4];
        double one = CalibrationFit.Temperature(margins), scaled = CalibrationFit.Temperature([.. margins.Select(margin => margin * scale)]);
        Assert.InRange(one, 0.1, 10);
        Assert.Equal(1, scaled / (one * scale), 1e-9);
    }

    [Fact]
    public void The_intercept_lies_where_as_many_answers_are_preferred_as_the_logistic_says()
    {
        var found = CalibrationFit.Of([1, 1, -0.5], [3, 4, 5], [1, 2, 3]);
        Assert.Equal(3, found.Intercept, 9);
        // Exchanged sides of one answer leave it between them, wherever the scores lie.
        Assert.Equal(103, CalibrationFit.Of([1, 1, -0.5], [103, 104, 105], [101, 102, 103]).Intercept, 5);
    }

    [Fact]
    public void Pairs_that_are_all_right_do_not_make_every_margin_certain()
    {
        var found = CalibrationFit.Of([1, 1, 1, 1], [1], [0]);
        // Platt's target: five of six.
        Assert.Equal(5.0 / 6, found.OfMargin(1), 9);
    }

    [Fact]
    public void Constant_scores_and_margins_against_the_labels_are_refused()
    {
        Assert.Contains("same score", Assert.Throws<SparseRMException>(() => CalibrationFit.Of([0, 0], [1], [1])).Message);
        Assert.Contains("no better than by chance", Assert.Throws<SparseRMException>(() => CalibrationFit.Of([1, -2], [1], [1])).Message);
    }

    [Fact]
    public void Reliability_is_the_mean_gap_of_confidence_and_share_right()
    {
        double sure = Math.Log(9); // 90 %
        var found = Reliability.Of([sure, sure, sure, -sure, 0], 1);
        // Four pairs say 90 % and three are right; the tie says 50 % and counts as half.
        Assert.Equal(new[] { (1, 0.5, 0.5), (4, 0.9, 0.75) }, found.Parts.Select(part => (part.Pairs, Math.Round(part.Confidence, 12), part.Right)));
        Assert.Equal(0.8 * 0.15, found.Error, 12);
        Assert.Equal(1, Assert.Single(Reliability.Of([1e9], 1).Parts).Confidence);
    }
}
