using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

public sealed class AccuracyIntervalTests
{
    [Theory]
    [InlineData(50, 100, 0.403831530, 0.596168470)]
    [InlineData(0, 10, 0, 0.277532799)]        // z^2 / (n + z^2)
    [InlineData(10, 10, 0.722467201, 1)]
    [InlineData(388, 400, 0.948301464, 0.982756979)]
    public void Is_Wilsons(int correct, int total, double low, double high)
    {
        var interval = new AccuracyInterval(correct, total);
        Assert.Equal((double)correct / total, interval.Accuracy);
        Assert.Equal(low, interval.Low, 1e-6);
        Assert.Equal(high, interval.High, 1e-6);
    }

    [Fact]
    public void Refuses_no_pairs_and_more_right_ones_than_pairs()
    {
        Assert.Contains("no pairs", Assert.Throws<SparseRMException>(() => new AccuracyInterval(0, 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new AccuracyInterval(3, 2));
    }
}
