using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Models;

/// <summary>A segment may reach to the last row of its tensors, and no further.</summary>
public sealed class OpChecksTests
{
    [Theory]
    [InlineData(0, 2, 2, 3, 5, 1, true)]
    [InlineData(0, 2, 3, 3, 5, 1, true)]
    [InlineData(0, 2, 0, 3, 5, 2, false)]
    [InlineData(1, 2, 0, 3, 3, 2, false)]
    [InlineData(0, 2, 3, 3, 0, 2, true)]
    [InlineData(0, 2, 4, 3, 0, 2, false)]
    [InlineData(0, 2, -1, 3, 3, 2, false)]
    public void Segments_of_attention_stay_inside(int query, int queries, int prefix, int prefixes, int key, int keys, bool inside)
    {
        var memory = new Memory(1000);
        Tensor q = new(memory, 0, 2, 4, 4), k = new(memory, 100, 6, 4, 4), v = new(memory, 200, 6, 4, 4);
        int[] positions = [3, 3];
        AttentionSegment[] segments = [new(query, queries, prefix, prefixes, key, keys)];
        void Check() => OpChecks.Attention(q, k, v, positions, segments, new AttentionOptions(1, 1, 4, 1, 0, 0), new Operand(memory, 2, 4, DType.F32));
        if (inside) Check();
        else Assert.Contains("reaches outside", Assert.Throws<ShapeMismatchException>(Check).Message);
    }

    private sealed class Memory(long length) : DeviceBuffer(length)
    {
        public override void Dispose()
        {
        }
    }
}
