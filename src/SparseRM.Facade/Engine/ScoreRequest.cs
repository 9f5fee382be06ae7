using System.Runtime.ExceptionServices;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Sequences that one attached reward model scores: a value of each of its heads for each state that they read.</summary>
internal class ScoreRequest : ForwardRequest
{
    private readonly int[]? _starts; // null where each sequence reads one state

    protected ScoreRequest(TokenSequence[] sequences, int[] numbers, AttachedReward reward) : base(sequences, numbers)
    {
        (Reward, Width) = (reward, reward.Reward.HeadCount);
        int states = sequences.Length;
        foreach (var sequence in sequences)
        {
            if (sequence.ReadOut.States == 1) continue;
            _starts = new int[sequences.Length + 1];
            break;
        }
        if (_starts is not null)
        {
            for (int i = 0; i < sequences.Length; i++) _starts[numbers[i] + 1] = sequences[i].ReadOut.States;
            for (int i = 0; i < sequences.Length; i++) _starts[i + 1] += _starts[i];
            states = _starts[^1];
        }
        Values = new float[checked(states * Width)];
    }

    /// <summary>Takes the callers' sequences; several are sorted, so that those that begin alike are neighbours.</summary>
    public static ScoreRequest Of(IReadOnlyList<TokenSequence> sequences, AttachedReward reward, Priority priority)
    {
        var (sorted, numbers) = Sorted(sequences);
        return new ScoreRequest(sorted, numbers, reward) { Priority = priority, KeepsPrefixes = priority == Priority.Interactive };
    }

    /// <summary>The attached reward model.</summary>
    protected AttachedReward Reward { get; }

    /// <summary>Whether <see cref="AttachedReward.States"/> are read, too.</summary>
    protected virtual bool KeepsStates => false;

    /// <summary>Heads, of all components together.</summary>
    protected int Width { get; }

    /// <summary>Scores of the states in the callers' order, [states, heads]; NaN where there is an error.</summary>
    public float[] Values { get; }

    /// <summary>Why a sequence has no score, by its number; null where all have.</summary>
    public Exception?[]? Errors { get; private set; }

    /// <summary>The scores of one sequence's states, [states, heads].</summary>
    public Span<float> Of(int number) => _starts is null
        ? Values.AsSpan(number * Width, Width)
        : Values.AsSpan(_starts[number] * Width, (_starts[number + 1] - _starts[number]) * Width);

    /// <inheritdoc/>
    public override int[] Layers => Reward.Layers;

    /// <inheritdoc/>
    public override object Consumer => Reward;

    /// <inheritdoc/>
    public override bool MayOverlap => !KeepsStates && Reward.IsOnBackend;

    /// <inheritdoc/>
    public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        if (!Reward.IsClosed) return Reward.Score(states[0], KeepsStates);
        foreach (var part in parts)
            for (int i = 0; i < part.Count; i++) part.Request.Fail(part.First + i, new ObjectDisposedException(nameof(RewardScorer)));
        return null;
    }

    /// <inheritdoc/>
    public override void Place(PendingScores scores, ReadOnlySpan<BatchPart> parts)
    {
        var values = scores.Read();
        foreach (var part in parts)
        {
            int count = part.States * Width;
            ((ScoreRequest)part.Request).Place(part, values[..count]);
            values = values[count..];
        }
    }

    /// <inheritdoc/>
    public override void Fail(int index, Exception error)
    {
        Errors ??= new Exception?[Sequences.Length];
        Errors[Numbers[index]] = error;
        Of(Numbers[index]).Fill(float.NaN);
    }

    /// <summary>Throws the first error, in the callers' order.</summary>
    public void ThrowFirst()
    {
        if (Errors is null) return;
        foreach (var error in Errors)
            if (error is not null) ExceptionDispatchInfo.Throw(error);
    }

    /// <summary>Puts the scores of a part's states at their places.</summary>
    private void Place(BatchPart part, ReadOnlySpan<float> scores)
    {
        for (int i = part.First; i < part.First + part.Count; i++)
        {
            int count = Sequences[i].ReadOut.States * Width;
            scores[..count].CopyTo(Of(Numbers[i]));
            if (!AreFinite(scores[..count])) Fail(i, ResidualRunner.NotFinite(Layers[0]));
            scores = scores[count..];
        }
    }

    protected static (TokenSequence[] Sequences, int[] Numbers) Sorted(IReadOnlyList<TokenSequence> sequences)
    {
        var sorted = new TokenSequence[sequences.Count];
        var numbers = new int[sorted.Length];
        for (int i = 0; i < sorted.Length; i++) (sorted[i], numbers[i]) = (sequences[i], i);
        if (sorted.Length > 1) TokenSequence.SortByIds(sorted, numbers);
        return (sorted, numbers);
    }

    private static bool AreFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
            if (!float.IsFinite(value)) return false;
        return true;
    }
}
