using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace SparseRM.Server.Http;

/// <summary>A client's bytes, whose end shows only once all of them were looked at: Kestrel refuses a whole body that comes together with a FIN.</summary>
internal sealed class LateEndReader(PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _buffer;
    private long _seen; // bytes at the beginning of the next buffer that were looked at already

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Shown(read.Result)) : Later(read);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
        result = Shown(result);
        return true;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _seen = _buffer.Slice(consumed, examined).Length;
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => inner.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> Later(ValueTask<ReadResult> read) => Shown(await read.ConfigureAwait(false));

    private ReadResult Shown(ReadResult result)
    {
        _buffer = result.Buffer;
        return result.IsCompleted && _buffer.Length > _seen ? new ReadResult(_buffer, result.IsCanceled, isCompleted: false) : result;
    }
}
