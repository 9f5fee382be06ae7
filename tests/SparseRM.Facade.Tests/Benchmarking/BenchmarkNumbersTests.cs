using SparseRM.Backends;
using SparseRM.Benchmarking;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Benchmarking;

/// <summary>The arithmetic of the benchmarks, by hand.</summary>
public sealed class BenchmarkNumbersTests
{
    private static TokenSequence Ids(params int[] ids) => new(ids, ReadOut.At(ids.Length - 1));

    [Fact]
    public void Nominal_work_counts_shared_beginnings_once()
    {
        // d 8, 2 heads and 1 kv head of 4, mlp 16: q and o 64 each, k and v 32 each, gate, up and down 128 each: 576 weights in a block.
        var config = ModelShapes.Of("llama-3.2-1b").Config with { DModel = 8, NHeads = 2, NKvHeads = 1, DHead = 4, DMlp = 16 };
        Assert.Equal(576, NominalWork.BlockWeights(config));
        var work = NominalWork.Of(config, 3, [Ids(1, 2, 3), Ids(1, 2, 4, 5), Ids(7)]);
        // Distinct: 1 2 3, then 4 5 after 1 2, then 7. Pairs of a block: 1 + 2 + 3, then 3 + 4, then 1: 14.
        Assert.Equal((8, 6), (work.Tokens, work.DistinctTokens));
        Assert.Equal(2.0 * 576 * 3 * 6 + 4.0 * 2 * 4 * 14 * 3, work.Flops);
        // With a window of 2 in block 0 alone, its pairs are 1 + 2 + 2, then 2 + 2, then 1: 10.
        int[] windows = [2, 0, 0];
        Assert.Equal(work.Flops - 4.0 * 2 * 4 * 4, NominalWork.Of(config with { LayerWindows = windows }, 3, [Ids(1, 2, 3), Ids(1, 2, 4, 5), Ids(7)]).Flops);
    }

    [Fact]
    public void Gemma_2_2b_has_the_weights_of_its_blocks() => Assert.Equal(77_856_768, NominalWork.BlockWeights(ModelShapes.Of("gemma-2-2b").Config));

    [Fact]
    public void Quantiles_are_values_that_were_measured()
    {
        var timings = new Timings([5, 1, 4, 2, 3]);
        Assert.Equal((3, 3, 5, 1), (timings.Median, timings.Quantile(0.6), timings.Quantile(0.99), timings.Quantile(0)));
        int calls = 0;
        Assert.Equal(7, Timings.Of(() => calls++, new Budget(0, 3, Exactly: 7)).Count);
        Assert.Equal(3, Timings.Of(() => calls++, new Budget(0, 3)).Count);
        Assert.Equal(10, calls);
        // The seconds are those of the clock that is given; the budget is not spent by it.
        var own = Timings.Of(() => calls++, new Budget(1, 3, Exactly: 2), time: call =>
        {
            call();
            return 7;
        });
        Assert.Equal((2, 7, 12), (own.Count, own.Median, calls));
        Assert.InRange(Timings.Of(() => Thread.Sleep(20), new Budget(0.1, 1), time: call =>
        {
            call();
            return 1e-9;
        }).Count, 1, 5);
    }

    [Theory]
    [InlineData("scalar", DType.F32, 1)]
    [InlineData("avx2", DType.BF16, 4)]
    [InlineData("avx512_bf16", DType.F32, 8)]
    [InlineData("avx512_bf16", DType.BF16, 16)]
    [InlineData("something_new", DType.BF16, 16)]
    [InlineData("avx512_vnni", DType.BF16, 8)]
    [InlineData("avx512_vnni", DType.I8, 32)]
    [InlineData("avx512_bf16", DType.I8, 32)]
    public void A_kernel_is_measured_against_the_instructions_that_it_may_use(string variant, DType compute, double peak)
    {
        Peak[] peaks =
        [
            new(PeakKind.F32, "scalar", 1), new(PeakKind.F32, "avx2", 4), new(PeakKind.F32, "avx512", 8), new(PeakKind.I8, "avx512_vnni", 32),
            new(PeakKind.BF16, "avx512_bf16", 16), new(PeakKind.Read, "dram", 100),
        ];
        Assert.Equal(peak, MachinePeaks.Of(peaks, variant, compute));
        Assert.Null(MachinePeaks.Of(peaks[^1..], variant, compute));
    }

    [Theory]
    [InlineData("tiled", DType.F32, 1)]
    [InlineData("query_per_warp", DType.F32, 1)]
    [InlineData("mma_sync", DType.F32, 1)]
    [InlineData("mma_sync", DType.BF16, 16)]
    [InlineData("flash", DType.BF16, 16)]
    public void A_GPUs_kernel_is_measured_by_the_type_of_its_products(string variant, DType compute, double peak)
    {
        Peak[] peaks = [new(PeakKind.F32, "fma", 1, true), new(PeakKind.BF16, "mma", 16, true), new(PeakKind.Read, "dram", 100, true)];
        Assert.Equal(peak, MachinePeaks.Of(peaks, variant, compute));
    }

    [Theory]
    [InlineData("gemma-2-2b", 27, null, "has 26 blocks; 27 cannot be run")]
    [InlineData("gemma-2-2b", null, 8000, "reads at most 8192 tokens")]
    [InlineData("miniworld", 7, null, "has 6 blocks")]
    public void What_a_model_is_too_small_for_is_refused(string shape, int? blocks, int? tokens, string problem) => Assert.Contains(problem,
        Assert.Throws<SparseRMException>(() => BenchModel.Of(new BenchOptions { Model = shape, Blocks = blocks, Tokens = tokens })).Message);

    [Fact]
    public void An_unknown_shape_lists_the_shapes() =>
        Assert.Contains("gemma-2-2b, gemma-2-9b, llama-3.1-8b, llama-3.2-1b, qwen2.5-1.5b, miniworld", Assert.Throws<ArgumentException>(() => ModelShapes.Of("gpt")).Message);

    [Fact]
    public void The_error_of_bf16_is_larger_that_of_int8_larger_still_and_all_grow_with_blocks()
    {
        var config = ModelShapes.Of("gemma-2-2b").Config;
        double one = ScoreRounding.RelativeError(config, 1, 64, DType.F32);
        Assert.Equal(2 * one, ScoreRounding.RelativeError(config, 4, 64, DType.F32), 1e-12);
        double bf16 = ScoreRounding.RelativeError(config, 1, 64, DType.BF16);
        Assert.InRange(bf16, 100 * one, 1);
        Assert.InRange(ScoreRounding.RelativeError(config, 1, 64, DType.I8), 4 * bf16, 1);
    }
}
