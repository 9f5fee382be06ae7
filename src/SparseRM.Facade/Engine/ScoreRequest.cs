using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Sequences that one attached reward model scores: a value for each state that they read.</summary>
internal sealed class ScoreRequest : ForwardRequest
{
    private readonly AttachedReward _reward;
    private readonly int[]? _starts; // null where each sequence reads one state

    private ScoreRequest(TokenSequence[] sequences, int[] numbers, AttachedReward reward) : base(sequences, numbers)
    {
        _reward = reward;
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
        Values = new float[states];
    }

    /// <summary>Takes the callers' sequences; a bulk request's are sorted, so that those that begin alike are neighbours.</summary>
    public static ScoreRequest Of(IReadOnlyList<TokenSequence> sequences, AttachedReward reward, Priority priority)
    {
        var sorted = new TokenSequence[sequences.Count];
        var numbers = new int[sorted.Length];
        for (int i = 0; i < sorted.Length; i++) (sorted[i], numbers[i]) = (sequences[i], i);
        if (sorted.Length > 1) TokenSequence.SortByIds(sorted, numbers);
        return new ScoreRequest(sorted, numbers, reward) { Priority = priority, KeepsPrefixes = priority == Priority.Interactive };
    }

    /// <summary>Scores in the callers' order; NaN where there is an error.</summary>
    public float[] Values { get; }

    /// <summary>Why a sequence has no score, by its number; null where all have.</summary>
    public Exception?[]? Errors { get; private set; }

    /// <summary>The scores of one sequence's states.</summary>
    public ReadOnlySpan<float> Of(int number) => _starts is null ? Values.AsSpan(number, 1) : Values.AsSpan(_starts[number].._starts[number + 1]);

    /// <inheritdoc/>
    public override int[] Layers => _reward.Layers;

    /// <inheritdoc/>
    public override object Consumer => _reward;

    /// <inheritdoc/>
    public override void Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        if (_reward.IsClosed)
        {
            foreach (var part in parts)
                for (int i = 0; i < part.Count; i++) part.Request.Fail(part.First + i, new ObjectDisposedException(nameof(RewardScorer)));
            return;
        }
        var scores = _reward.Score(states[0]);
        foreach (var part in parts)
        {
            ((ScoreRequest)part.Request).Place(part, scores[..part.States]);
            scores = scores[part.States..];
        }
    }

    /// <inheritdoc/>
    public override void Fail(int index, Exception error)
    {
        Errors ??= new Exception?[Sequences.Length];
        Errors[Numbers[index]] = error;
        var values = Of(Numbers[index]);
        Values.AsSpan(_starts is null ? Numbers[index] : _starts[Numbers[index]], values.Length).Fill(float.NaN);
    }

    /// <summary>Throws the first error, in the callers' order.</summary>
    public void ThrowFirst()
    {
        if (Errors?.FirstOrDefault(error => error is not null) is { } first) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
    }

    private void Place(BatchPart part, ReadOnlySpan<float> scores)
    {
        for (int i = part.First; i < part.First + part.Count; i++)
        {
            int count = Sequences[i].ReadOut.States;
            var own = scores[..count];
            scores = scores[count..];
            int number = Numbers[i];
            own.CopyTo(Values.AsSpan(_starts is null ? number : _starts[number]));
            foreach (float value in own)
            {
                if (!float.IsNaN(value)) continue;
                Fail(i, ResidualRunner.NotFinite(_reward.Layers[0]));
                break;
            }
        }
    }
}
