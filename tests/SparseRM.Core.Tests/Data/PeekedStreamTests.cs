using SparseRM.Data.Containers;

namespace SparseRM.Core.Tests.Data;

public sealed class PeekedStreamTests
{
    [Theory]
    [InlineData(new byte[] { 1, 2 }, true)]
    [InlineData(new byte[] { 1, 3 }, false)]
    [InlineData(new byte[] { 1, 2, 3, 4, 5 }, false)]
    public void Looks_at_the_first_bytes_and_still_gives_them(byte[] expected, bool begins)
    {
        var inner = new MemoryStream([1, 2, 3]);
        using (var stream = new PeekedStream(inner))
        {
            Assert.Equal(begins, stream.StartsWith(expected));
            var copy = new MemoryStream();
            stream.CopyTo(copy);
            Assert.Equal([1, 2, 3], copy.ToArray());
            Assert.True(inner.CanRead);
        }
        // The file behind it is let go with it.
        Assert.False(inner.CanRead);
    }
}
