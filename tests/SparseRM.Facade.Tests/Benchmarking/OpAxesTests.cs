using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Errors;

namespace SparseRM.Facade.Tests.Benchmarking;

/// <summary>Shapes that are spelled as an op with its sizes.</summary>
public class OpAxesTests
{
    [Fact]
    public void Every_combination_is_a_shape_whose_name_stands_for_it()
    {
        var shapes = OpAxes.Parse("matmul:rows=1,16;inputs=64;outputs=32,48");
        Assert.Equal([(1, 64, 32), (1, 64, 48), (16, 64, 32), (16, 64, 48)], shapes.Cast<MatMulShape>().Select(shape => (shape.Rows, shape.Inputs, shape.Outputs)));
        Assert.All(shapes, shape => Assert.Equal(shape, OpShapes.One(shape.Name)));
        var attention = Assert.IsType<AttentionShape>(OpShapes.One("attention:length=25;heads=4;kv_heads=2;d_head=48"));
        Assert.Equal((1, 25, 4, 2), (attention.Sequences, attention.Length, attention.Options.NHeads, attention.Options.NKvHeads));
        Assert.Equal(64, Assert.IsType<SaeEncodeShape>(OpShapes.One("sae_encode:rows=2;d_in=8;d_sae=128")).K);
        Assert.Equal(OpKind.Score, OpShapes.One("score:rows=2;d_model=8").Op);
    }

    [Theory]
    [InlineData("embed:rows=1", "'embed' is no op with axes; there are matmul, gated_matmul")]
    [InlineData("matmul:rows=1;inputs=2", "matmul needs the axis 'outputs'")]
    [InlineData("matmul:rows=1;inputs=2;outputs=3;depth=4", "matmul has no axis 'depth'; it has rows, inputs, outputs")]
    [InlineData("matmul:rows=0;inputs=2;outputs=3", "'0' is no size")]
    [InlineData("matmul:rows=1;rows=2;inputs=2;outputs=3", "the axis 'rows' is given twice")]
    [InlineData("matmul:rows;inputs=2;outputs=3", "'rows' is not of the form axis=size,size")]
    [InlineData("attention:length=5;heads=3;kv_heads=2;d_head=8", "3 heads cannot share 2 kv_heads")]
    public void What_is_no_shape_is_one_sentence(string text, string problem)
    {
        var error = Assert.Throws<SparseRMException>(() => OpAxes.Parse(text));
        Assert.StartsWith(problem, error.Message);
        Assert.Equal(ErrorKind.Usage, error.Kind);
    }

    [Fact]
    public void One_shape_is_asked_for()
    {
        Assert.Contains("stands for 2 shapes", Assert.Throws<SparseRMException>(() => OpShapes.One("matmul:rows=1,2;inputs=3;outputs=4")).Message);
        Assert.StartsWith("there is no shape fast", Assert.Throws<SparseRMException>(() => OpShapes.One("fast")).Message);
    }
}
