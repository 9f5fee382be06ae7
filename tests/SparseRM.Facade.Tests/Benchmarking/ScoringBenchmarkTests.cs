using SparseRM.Backends;
using SparseRM.Benchmarking;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Benchmarking;

public sealed class ScoringBenchmarkTests
{
    private static readonly BenchOptions s_small = new() { Model = "miniworld", Tokens = 16, Batch = 2, Runs = 2, Backend = "cpu", Threads = [2] };

    [Fact]
    public void Numbers_of_a_result_fit_together()
    {
        var stages = new List<WorkProgress>();
        var result = ScoringBenchmark.Run(s_small with { Threads = [1, 2] }, new Progress(stages.Add));
        Assert.Equal(["single", "short", "batch", "group"], result.Scenarios.Select(scenario => scenario.Name));
        Assert.Equal([16, 2, 32, 16 * 20], result.Scenarios.Select(scenario => scenario.Work.Tokens));
        Assert.Equal(16 + 16 * 4, result.Scenarios[^1].Work.DistinctTokens);
        Assert.Equal("batch", result.Headline.Name);
        Assert.All(result.Scenarios, row => Assert.Equal(row.Work.Flops / row.Seconds.Median / 1e9, row.Gflops, 1e-9));
        Assert.Equal([1, 2], result.Scaling.Select(row => row.Threads));
        Assert.Equal(1, result.Scaling[0].Gain);
        Assert.Equal(result.Headline.TokensPerSecond, result.Scaling[^1].TokensPerSecond);
        Assert.True(result.Peak > 0 && result.ModelBytes > 1_000_000 && result.ResidentBytes > result.ModelBytes);
        Assert.InRange(result.AllocatedBytesPerToken, 0, 64);
        Assert.Contains(stages, stage => stage.Stage == "loading blocks");
        Assert.Contains(stages, stage => stage.Stage == "scoring 2 x 16 tokens");
    }

    [Fact]
    public void A_chosen_variant_is_the_one_that_runs()
    {
        var result = ScoringBenchmark.Run(s_small with { Quick = true, Compute = DType.F32, Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
        Assert.Equal("scalar", result.Variants[OpKind.MatMul]);
        Assert.Equal(result.Peaks[0].Rate, result.Peak);
        var wrong = s_small with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "fastest" } };
        Assert.Contains("has no variant \"fastest\"", Assert.Throws<BackendException>(() => ScoringBenchmark.Run(wrong)).Message);
    }

    [Theory]
    [InlineData("llama-3.2-1b")]
    [InlineData("qwen2.5-1.5b")]
    public void A_shape_runs_with_weights_that_lie_nowhere(string shape)
    {
        var result = ScoringBenchmark.Run(new BenchOptions { Model = shape, Blocks = 1, Tokens = 8, Runs = 1, Quick = true, Backend = "cpu", Threads = [2] });
        Assert.Equal(NominalWork.BlockWeights(result.Model.Config) * 2, result.ModelBytes);
        Assert.Contains("32000 of", result.Model.Note);
    }

    [Fact]
    public void Kernels_agree_within_the_bound_and_each_with_itself()
    {
        foreach (var compute in (DType[])[DType.BF16, DType.F32])
        {
            var found = VariantAgreement.Measure("cpu", compute);
            Assert.True(found.SameBits);
            Assert.InRange(found.Measured, 0, found.Bound);
            Assert.True(found.Bound < found.Spread, $"a bound of {found.Bound} says nothing of scores that spread over {found.Spread}");
        }
    }

    private sealed class Progress(Action<WorkProgress> report) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => report(value);
    }
}
