using System.Runtime.ExceptionServices;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Sequences of one call on their way through the engine: queued, taken into batches, completed.</summary>
/// <remarks>Its fields about the way belong to the queue and change under the queue's lock; results are written by whoever runs batches.</remarks>
internal abstract class ForwardRequest(TokenSequence[] sequences, int[] numbers)
{
    private TaskCompletionSource? _completion;
    private Exception? _error;
    private int _done;
    private bool _isCompleted;

    /// <summary>The sequences in the order in which they are run.</summary>
    public TokenSequence[] Sequences => sequences;

    /// <summary>What number each of them has for the caller.</summary>
    public int[] Numbers => numbers;

    /// <summary>Sequences that were taken into batches.</summary>
    public int Taken { get; set; }

    /// <summary>Sequences that wait.</summary>
    public int Waiting => sequences.Length - Taken;

    /// <summary>Its priority.</summary>
    public Priority Priority { get; init; }

    /// <summary>Whether its texts' keys and values are kept for those that begin alike.</summary>
    public bool KeepsPrefixes { get; init; }

    /// <summary>Blocks after which its states are read, rising.</summary>
    public abstract int[] Layers { get; }

    /// <summary>Requests with the same value are handed their states together.</summary>
    public abstract object Consumer { get; }

    /// <summary>Reads the states of neighbouring parts of a batch, all of one <see cref="Consumer"/>, or begins to; on the thread that owns the backend.</summary>
    /// <param name="states">[rows, d_model] for each of <see cref="Layers"/>; the parts' rows, in their order.</param>
    /// <param name="parts">The parts; their first one is of this request.</param>
    /// <returns>What <see cref="Place"/> waits for, when another batch may have been enqueued; null where all is read.</returns>
    public abstract PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts);

    /// <summary>Puts what <see cref="Consume"/> began to read where it belongs.</summary>
    /// <param name="scores">What it gave.</param>
    /// <param name="parts">The same parts.</param>
    public virtual void Place(PendingScores scores, ReadOnlySpan<BatchPart> parts) => throw new NotSupportedException("no scores were asked for");

    /// <summary>Says that one sequence has no result. By default the whole request fails.</summary>
    /// <param name="index">Place in <see cref="Sequences"/>.</param>
    /// <param name="error">Why.</param>
    public virtual void Fail(int index, Exception error) => _error ??= error;

    /// <summary>Whether it holds keys and values of its own: they end at its layers, so that it stands in no batch that runs deeper.</summary>
    public virtual bool HoldsMemory => false;

    /// <summary>
    /// Whether its batch may be begun before the one before it has ended, and the next one before its own has: not where <see cref="Consume"/> waits for the device,
    /// where <see cref="Place"/> asks it for more, or where a pass goes on from what the one before it kept.
    /// </summary>
    public virtual bool MayOverlap => false;

    /// <summary>What is known of a sequence beforehand, where the cache is not asked; on the thread that owns the backend, just before the pass.</summary>
    public virtual KeyValuePrefix? Known(int index) => null;

    /// <summary>Where the keys and values of a sequence's tokens go that are not known, where the cache does not keep them; null for nowhere.</summary>
    public virtual KeyValueRows? Kept(int index) => null;

    /// <summary>The states of a sequence were read, and what <see cref="Kept"/> gave is filled; on the thread that owns the backend.</summary>
    public virtual void Finish(int index)
    {
    }

    /// <summary>Why it has no result, where that is known by now; else null.</summary>
    public Exception? Error => Volatile.Read(ref _error);

    /// <summary>Sequences that are done.</summary>
    public int Done => Volatile.Read(ref _done);

    /// <summary>Whether it needs no more thought.</summary>
    public bool IsCompleted => Volatile.Read(ref _isCompleted);

    /// <summary>Ends when the request does.</summary>
    public Task Completion
    {
        get
        {
            lock (this)
            {
                _completion ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                if (_isCompleted) SetCompletion();
                return _completion.Task;
            }
        }
    }

    /// <summary>Counts sequences that are done, and completes the request with its last.</summary>
    public void Advance(int count)
    {
        lock (this)
        {
            _done += count;
            if (_done < sequences.Length)
            {
                Monitor.PulseAll(this);
                return;
            }
        }
        Complete(null);
    }

    /// <summary>Completes the request, once.</summary>
    /// <param name="error">Why it has no result, or null.</param>
    public void Complete(Exception? error)
    {
        lock (this)
        {
            if (_isCompleted) return;
            _error ??= error;
            _isCompleted = true;
            Monitor.PulseAll(this);
            if (_completion is not null) SetCompletion();
        }
    }

    /// <summary>Waits until it is completed or more than <paramref name="done"/> sequences are done.</summary>
    public void WaitBeyond(int done)
    {
        lock (this)
        {
            while (!_isCompleted && _done <= done) Monitor.Wait(this);
        }
    }

    /// <summary>Throws why it has no result, where it has none.</summary>
    public void ThrowIfFailed()
    {
        if (_error is not null) ExceptionDispatchInfo.Throw(_error);
    }

    private void SetCompletion()
    {
        if (_error is OperationCanceledException cancelled) _completion!.TrySetCanceled(cancelled.CancellationToken);
        else if (_error is not null) _completion!.TrySetException(_error);
        else _completion!.TrySetResult();
    }
}

/// <summary>Neighbouring sequences of a request in a batch.</summary>
/// <param name="Request">Whose.</param>
/// <param name="First">First place in its sequences.</param>
/// <param name="Count">How many.</param>
internal readonly record struct BatchPart(ForwardRequest Request, int First, int Count)
{
    /// <summary>The sequences.</summary>
    public ReadOnlySpan<TokenSequence> Sequences => Request.Sequences.AsSpan(First, Count);

    /// <summary>States that they read.</summary>
    public int States
    {
        get
        {
            int states = 0;
            foreach (var sequence in Sequences) states += sequence.ReadOut.States;
            return states;
        }
    }
}
