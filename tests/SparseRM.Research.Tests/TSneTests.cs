using System.Text.Json;
using SparseRM.Research.Maps;

namespace SparseRM.Research.Tests;

/// <summary>Against scikit-learn (tests/data/goldens/tsne).</summary>
public sealed class TSneTests
{
    private static readonly JsonElement s_golden = JsonDocument.Parse(File.ReadAllText(SharedData.Shipped("goldens", "tsne", "golden.json"))).RootElement;
    private static readonly ParallelOptions s_two = new() { MaxDegreeOfParallelism = 2 };
    private readonly int _n = s_golden.GetProperty("n").GetInt32();
    private readonly double[] _squared = Squared();

    private static double[] Values(string name) => [.. s_golden.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];

    private static double Value(string name) => s_golden.GetProperty(name).GetDouble();

    private static double[] Squared()
    {
        double[] x = Values("x");
        int n = s_golden.GetProperty("n").GetInt32(), width = s_golden.GetProperty("width").GetInt32();
        var squared = new double[n * n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                for (int k = 0; k < width; k++) squared[(i * n) + j] += Math.Pow(x[(i * width) + k] - x[(j * width) + k], 2);
        return squared;
    }

    private double[] Affinities => TSne.Affinities(_squared, _n, Value("perplexity"), s_two);

    [Fact]
    public void Affinities_divergence_and_gradient_are_scikit_learn_s()
    {
        double[] p = Affinities;
        Assert.Equal(1, p.Sum(), 9);
        // Its search for the perplexity ends within 1e-5 of the entropy, and so does ours, each on its own side.
        foreach (int row in (int[])[0, 37])
            foreach (var (ours, theirs) in p.AsSpan(row * _n, _n).ToArray().Zip(Values($"p_row_{row}")).Where((_, j) => j != row)) Assert.Equal(theirs, ours, Math.Max(1e-9, 2e-4 * theirs));
        Assert.Equal(Value("spread_kl"), TSne.Divergence(p, Values("spread")), 1e-4);
        foreach (var (ours, theirs) in TSne.Gradient(p, Values("spread"), 1, s_two).Zip(Values("spread_gradient"))) Assert.Equal(theirs, ours, 1e-6);
    }

    [Fact]
    public void From_the_same_start_the_map_is_as_good()
    {
        double[] p = Affinities, map = TSne.Embed(p, Values("start"), s_two);
        // Descent is chaotic: the maps differ, what they keep does not. A map 2 % better is welcome.
        Assert.InRange(TSne.Divergence(p, map), 0.9 * Value("kl"), 1.02 * Value("kl"));
        Assert.InRange(Separation.Trustworthiness(_squared, Separation.Squared(map), _n, 5, s_two), Value("trustworthiness") - 0.01, 1);
        Assert.Equal(map, TSne.Embed(TSne.Affinities(_squared, _n, Value("perplexity"), new() { MaxDegreeOfParallelism = 1 }), Values("start"), new() { MaxDegreeOfParallelism = 1 }));
    }

    [Fact]
    public void The_gradient_is_the_divergence_s()
    {
        double[] p = Affinities, map = Values("spread"), gradient = TSne.Gradient(p, map, 1, s_two);
        foreach (int i in (int[])[0, 1, 57, 118])
        {
            const double Step = 1e-5;
            double[] up = (double[])map.Clone(), down = (double[])map.Clone();
            up[i] += Step;
            down[i] -= Step;
            Assert.Equal((TSne.Divergence(p, up) - TSne.Divergence(p, down)) / (2 * Step), gradient[i], 1e-7);
        }
    }

    [Fact]
    public void Silhouette_and_trustworthiness_are_scikit_learn_s()
    {
        bool[] sides = [.. s_golden.GetProperty("side").EnumerateArray().Select(side => side.GetInt32() == 1)];
        double[] spread = Separation.Squared(Values("spread"));
        Assert.Equal(Value("silhouette"), Separation.Silhouette(_squared, sides), 1e-9);
        Assert.Equal(Value("spread_silhouette"), Separation.Silhouette(spread, sides), 1e-9);
        Assert.Equal(Value("spread_trustworthiness"), Separation.Trustworthiness(_squared, spread, _n, 5, s_two), 1e-9);
        Assert.Equal(1, Separation.Trustworthiness(_squared, _squared, _n, 5, s_two));
    }
}
