using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Models;

public sealed class TensorTests
{
    private static readonly Tensor s_tensor = new(new Memory(20), 2, Rows: 4, Columns: 3, RowStride: 4);

    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 3)]
    [InlineData(4, 0)]
    public void Rows_are_a_view(int first, int count) =>
        Assert.Equal(s_tensor with { Offset = 2 + (4 * first), Rows = count }, s_tensor.RowRange(first, count));

    [Theory]
    [InlineData(1, 4)]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(-1, 1)]
    [InlineData(0, -1)]
    public void Rows_outside_are_refused(int first, int count) => Assert.Throws<ArgumentOutOfRangeException>(() => s_tensor.RowRange(first, count));

    private sealed class Memory(long length) : DeviceBuffer(length)
    {
        public override void Dispose()
        {
        }
    }
}
