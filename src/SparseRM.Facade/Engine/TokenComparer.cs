using System.Runtime.InteropServices;

namespace SparseRM.Engine;

/// <summary>Token ids by value.</summary>
internal sealed class TokenComparer : IEqualityComparer<ReadOnlyMemory<int>>
{
    public static TokenComparer Instance { get; } = new();

    public bool Equals(ReadOnlyMemory<int> x, ReadOnlyMemory<int> y) => x.Span.SequenceEqual(y.Span);

    public int GetHashCode(ReadOnlyMemory<int> ids)
    {
        var hash = new HashCode();
        hash.AddBytes(MemoryMarshal.AsBytes(ids.Span));
        return hash.ToHashCode();
    }
}
