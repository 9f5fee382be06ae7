namespace SparseRM.Data.Containers;

/// <summary>A stream that cannot be sought in, with its first bytes looked at and still to be read.</summary>
internal sealed class PeekedStream(Stream inner) : Stream
{
    private byte[] _head = [];
    private int _at;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Whether the stream begins so; waits for as many bytes, or for the end.</summary>
    public bool StartsWith(params ReadOnlySpan<byte> expected)
    {
        _head = new byte[expected.Length];
        int n = inner.ReadAtLeast(_head, _head.Length, throwOnEndOfStream: false);
        _head = _head[..n];
        return _head.AsSpan().SequenceEqual(expected);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (_at == _head.Length) return inner.Read(buffer);
        int n = Math.Min(buffer.Length, _head.Length - _at);
        _head.AsSpan(_at, n).CopyTo(buffer);
        _at += n;
        return n;
    }

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
