using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class HeadParametersTests
{
    /// <summary>torch.nn.Linear: weights and biases uniform within 1 / sqrt(inputs of the layer), one draw after the other in the order W1, b1, W2, b2.</summary>
    [Fact]
    public void Initial_weights_are_drawn_within_the_bounds_of_their_layer()
    {
        const int Inputs = 5, Hidden = 7;
        var (head, random) = (new HeadParameters(Inputs, Hidden), new SeededRandom(3));
        head.Initialise(new SeededRandom(3));
        double first = 1 / Math.Sqrt(Inputs), second = 1 / Math.Sqrt(Hidden);
        double Draw(double bound) => ((2 * random.NextDouble()) - 1) * bound;
        double[] Drawn(int count, double bound) => [.. Enumerable.Range(0, count).Select(_ => Draw(bound))];
        for (int unit = 0; unit < Hidden; unit++) Assert.Equal(Drawn(Inputs, first), head.W1(unit).ToArray());
        Assert.Equal(Drawn(Hidden, first), head.B1.ToArray());
        Assert.Equal(Drawn(Hidden, second), head.W2.ToArray());
        Assert.Equal(Draw(second), head.B2);
        for (long seed = 1; seed < 50; seed++)
        {
            head.Initialise(new SeededRandom(seed));
            Assert.InRange(head.B2, -second, second);
        }
        // What fills up the last vector stays 0.
        Assert.Equal((Inputs * Hidden) + (2 * Hidden) + 1, head.Values.Count(value => value != 0));
    }
}
