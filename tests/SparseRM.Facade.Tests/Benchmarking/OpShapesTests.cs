using SparseRM.Backends;
using SparseRM.Benchmarking;
using SparseRM.Benchmarking.Ops;

namespace SparseRM.Facade.Tests.Benchmarking;

public sealed class OpShapesTests
{
    [Theory]
    [InlineData("gemma2_2b_mlp_up_16tok", "gemma2_2b_mlp_up_16tok")]
    [InlineData("gemma2_9b_attention_8x512tok", "gemma2_9b_attention_8x512tok")]
    [InlineData("gemma-2-2b-16k", "gemma2_2b_sae_16k_jumprelu_256tok gemma2_2b_sae_16k_topk64_256tok gemma2_2b_sae_16k_jumprelu_4096tok")]
    [InlineData("Gemma2-2B_16k-256tok-TopK", "gemma2_2b_sae_16k_topk64_256tok")]
    [InlineData("llama-3.2-1b", "llama32_1b_mlp_up_128tok llama32_1b_gate_up_128tok llama32_1b_attention_512tok")]
    [InlineData("gemma-3-2b", "")]
    [InlineData("gemma-2-5b", "")]
    [InlineData("gemm", "")]
    [InlineData("-", "")]
    [InlineData("", "")]
    public void A_name_or_parts_of_it_choose_shapes(string name, string shapes) =>
        Assert.Equal(shapes.Split(' ', StringSplitOptions.RemoveEmptyEntries), OpShapes.Named(name).Select(shape => shape.Name));

    [Fact]
    public void Shapes_for_GPUs_run_on_one_or_when_they_are_named()
    {
        Assert.Contains(OpShapes.All, shape => shape.ForGpu);
        foreach (string backend in new[] { "auto", "cpu", "reference", "ilgpu:cpu" })
            Assert.Equal(OpShapes.All.Where(shape => !shape.ForGpu), OpShapes.Choose(null, null, backend));
        foreach (string backend in new[] { "cuda", "cuda:0", "cuda:3", "ilgpu:cuda:0", "ilgpu:opencl:1" })
            Assert.Equal(OpShapes.All, OpShapes.Choose(null, null, backend));
        Assert.Equal(["gemma2_9b_o_4096tok"], OpShapes.Choose("gemma2_9b_o_4096tok", null, "cpu").Select(shape => shape.Name));
        Assert.Equal(OpShapes.Named("gemma-2-9b"), OpShapes.Choose("gemma-2-9b", null, "cpu"));
        // Beside others they are left out on a processor.
        Assert.Equal(2, OpShapes.Choose("gemma-2-2b-16k", OpKind.SaeEncode, "cpu").Count);
        Assert.Equal(3, OpShapes.Choose("gemma-2-2b-16k", OpKind.SaeEncode, "cuda:0").Count);
        Assert.Empty(OpShapes.Choose("gemma-2-2b-16k", OpKind.MatMul, "cuda:0"));
    }

    [Fact]
    public void The_GPUs_shapes_are_those_of_a_block_of_Gemma_2_9B()
    {
        var config = ModelShapes.Of("gemma-2-9b").Config;
        int q = config.NHeads * config.DHead, kv = 2 * config.NKvHeads * config.DHead;
        Assert.Equal(
            [(config.DModel, q), (config.DModel, kv), (q, config.DModel), (config.DModel, config.DMlp), (config.DMlp, config.DModel)],
            OpShapes.Of(OpKind.MatMul).Where(shape => shape.ForGpu).Cast<MatMulShape>().Select(shape => (shape.Inputs, shape.Outputs)));
        Assert.All(OpShapes.Of(OpKind.Attention).Where(shape => shape.ForGpu).Cast<AttentionShape>(), shape =>
        {
            var options = shape.Options;
            Assert.Equal((config.NHeads, config.NKvHeads, config.DHead), (options.NHeads, options.NKvHeads, options.DHead));
            Assert.Equal(shape.Name.Contains("no_softcap") ? 0 : config.AttnLogitSoftcap, shape.Options.Softcap);
            Assert.Equal(4096, shape.Rows);
        });
    }
}
