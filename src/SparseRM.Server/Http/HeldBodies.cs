using SparseRM.Server.Faults;

namespace SparseRM.Server.Http;

/// <summary>Bytes of the bodies that all requests hold at once; one that would go beyond the bound is refused as where the queue is full, unless it is alone. Thread-safe.</summary>
internal sealed class HeldBodies(long most)
{
    private readonly long _most = most;
    private long _held;

    /// <summary>A request that holds nothing yet.</summary>
    public Share Begin() => new(this);

    /// <summary>What one request holds.</summary>
    internal sealed class Share(HeldBodies all) : IDisposable
    {
        private long _bytes;

        /// <summary>Takes room for more; where there is none, nothing is taken.</summary>
        /// <exception cref="Fault">There is none.</exception>
        private void Grow(long bytes)
        {
            long held;
            do
            {
                held = Volatile.Read(ref all._held);
                if (held + bytes > all._most && held > _bytes) throw new Fault(FaultKind.Full, $"the bodies of all requests have more than {all._most} bytes; send this one again later");
            }
            while (Interlocked.CompareExchange(ref all._held, held + bytes, held) != held);
            _bytes += bytes;
        }

        /// <summary>The body, counted as it comes.</summary>
        public Stream Counted(Stream body) => new CountedStream(body, this);

        /// <inheritdoc/>
        public void Dispose()
        {
            Interlocked.Add(ref all._held, -_bytes);
            _bytes = 0;
        }

        private sealed class CountedStream(Stream body, Share share) : Stream
        {
            public override bool CanRead => true;

            public override bool CanSeek => false;

            public override bool CanWrite => false;

            public override long Length => throw new NotSupportedException();

            public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                int got = await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
                share.Grow(got);
                return got;
            }

            public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

            public override void Flush() => throw new NotSupportedException();

            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

            public override void SetLength(long value) => throw new NotSupportedException();

            public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        }
    }
}
