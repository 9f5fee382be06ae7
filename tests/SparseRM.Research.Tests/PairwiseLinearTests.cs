using SparseRM.Research.Baselines;

namespace SparseRM.Research.Tests;

public class PairwiseLinearTests
{
    // Three pairs in two dimensions.
    private static readonly double[] s_differences = [2, 0, 0, 1, 1, 1];

    [Fact]
    public void Ridge_is_the_solution_of_its_normal_equations()
    {
        // (D^T D / 3 + I/2) w = D^T 1 / 3: [[5/3 + 1/2, 1/3], [1/3, 2/3 + 1/2]] w = [1, 2/3]; determinant 169/72, so w = (68/169, 3 * 80/169 / 3).
        double[] w = new PairwiseLinear(s_differences, 2).Solve([0, 1, 2], LinearLoss.Square, 0.5, null, default);
        double a = (5.0 / 3) + 0.5, b = 1.0 / 3, d = (2.0 / 3) + 0.5, determinant = (a * d) - (b * b);
        Assert.Equal(((d * 1) - (b * 2 / 3)) / determinant, w[0], 6);
        Assert.Equal(((a * 2 / 3) - (b * 1)) / determinant, w[1], 6);
    }

    [Fact]
    public void The_logistic_gradient_vanishes_at_the_solution()
    {
        const double Lambda = 0.1;
        double[] w = new PairwiseLinear(s_differences, 2).Solve([0, 1, 2], LinearLoss.Logistic, Lambda, null, default);
        for (int j = 0; j < 2; j++)
        {
            double gradient = Lambda * w[j];
            for (int i = 0; i < 3; i++)
            {
                double margin = (s_differences[2 * i] * w[0]) + (s_differences[(2 * i) + 1] * w[1]);
                gradient -= s_differences[(2 * i) + j] / (1 + Math.Exp(margin)) / 3;
            }
            Assert.InRange(gradient, -1e-4, 1e-4);
        }
    }

    [Fact]
    public void Only_the_pairs_that_take_part_count_and_where_the_search_begins_does_not()
    {
        var solver = new PairwiseLinear(s_differences, 2);
        double[] one = solver.Solve([0], LinearLoss.Logistic, 1, null, default), same = solver.Solve([0], LinearLoss.Logistic, 1, [3, -3], default);
        Assert.True(one[0] > 0.1);
        Assert.Equal(0, one[1]);
        Assert.Equal(one[0], same[0], 4);
        Assert.Equal(0, same[1], 4);
        Assert.Equal((2, 1.0), (solver.Judge([0, 2], LinearLoss.Square, [1, 0]).Correct, solver.Judge([0, 1], LinearLoss.Square, [0, 0]).Loss * 2));
    }
}
