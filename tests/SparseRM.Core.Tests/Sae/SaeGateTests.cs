using CsCheck;
using SparseRM.Sae;

namespace SparseRM.Core.Tests.Sae;

public sealed class SaeGateTests
{
    private static (int[] Indices, float[] Values) Apply(SaeActivation activation, params float[] pre)
    {
        int capacity = activation.Gate.Capacity(pre.Length);
        var indices = new int[capacity];
        var values = new float[capacity];
        int count = activation.Gate.Apply(pre, indices, values);
        return (indices[..count], values[..count]);
    }

    [Fact]
    public void Relu_keeps_what_is_positive()
    {
        var (indices, values) = Apply(new SaeActivation.Relu(), -1, 2, 0, float.NaN, 3);
        Assert.Equal([1, 4], indices);
        Assert.Equal([2f, 3f], values);
    }

    [Fact]
    public void Jumprelu_compares_strictly_and_never_gives_a_negative()
    {
        var (indices, values) = Apply(new SaeActivation.JumpRelu([1, 1, 1, -5, -5]), 1, 1.5f, 0.5f, -1, 0.25f);
        Assert.Equal([1, 4], indices);
        Assert.Equal([1.5f, 0.25f], values);
    }

    [Fact]
    public void Topk_gives_ties_to_the_lower_index()
    {
        var (indices, values) = Apply(new SaeActivation.TopK(3), 2, 5, 2, 2, 4);
        Assert.Equal([0, 1, 4], indices);
        Assert.Equal([2f, 5f, 4f], values);
    }

    [Fact]
    public void Topk_with_fewer_positives_than_k_gives_fewer()
        => Assert.Equal([2], Apply(new SaeActivation.TopK(3), -1, 0, 4, -2).Indices);

    [Fact]
    public void Groupmax_takes_the_first_greatest_of_each_group_if_positive()
    {
        var (indices, values) = Apply(new SaeActivation.GroupMax(3), 1, 1, -1, -2, 0, 7);
        Assert.Equal([0, 5], indices);
        Assert.Equal([1f, 7f], values);
    }

    [Fact]
    public void Gated_needs_the_gate_and_the_magnitude()
    {
        // gates: 1-2 < 0; 1+1 > 0 with 1*2-1 = 1; 1+1 > 0 with 1*2-3 < 0
        var (indices, values) = Apply(new SaeActivation.Gated([-2, 1, 1], [2, 2, 2], [0, -1, -3]), 1, 1, 1);
        Assert.Equal([1], indices);
        Assert.Equal([1f], values);
    }

    [Fact]
    public void Topk_equals_a_full_sort()
        => Gen.Select(Gen.Int[-3, 3].Array[1, 60], Gen.Int[1, 70]).Sample((steps, k) =>
        {
            float[] pre = Array.ConvertAll(steps, step => step / 2f);
            int[] expected = [.. Enumerable.Range(0, pre.Length).Where(i => pre[i] > 0).OrderByDescending(i => pre[i]).ThenBy(i => i).Take(k).Order()];
            Assert.Equal(expected, Apply(new SaeActivation.TopK(k), pre).Indices);
        });
}
