using System.Text;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.CApi;

/// <summary>The scores of a call with many inputs. An input that cannot be scored has an error; the others are scored nonetheless.</summary>
internal sealed class BatchScores
{
    private readonly RewardScorer _scorer;
    private readonly ScoreOptions _options;
    private readonly List<EncodedInput> _inputs; // those that were read
    private Exception?[]? _refused; // null where all were
    private IReadOnlyList<ScoreResult?> _results = [];

    /// <summary>Reads inputs; nothing of the caller's is needed afterwards.</summary>
    public BatchScores(RewardScorer scorer, ScoreOptions options, ReadOnlySpan<NativeInput> inputs) : this(scorer, options, inputs.Length)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            try
            {
                _inputs.Add(Inputs.Encode(scorer.Backbone.Encoder, inputs[i]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                (_refused ??= new Exception?[Count])[i] = error;
            }
        }
    }

    /// <summary>Reads one prompt with its answers.</summary>
    public BatchScores(RewardScorer scorer, ScoreOptions options, IReadOnlyList<Message> prompt, ReadOnlySpan<NativeText> answers)
        : this(scorer, options, answers.Length)
    {
        for (int i = 0; i < answers.Length; i++)
        {
            try
            {
                _inputs.Add(scorer.Backbone.Encoder.Encode([.. prompt, new Message("assistant", Reading.Text(answers[i], $"answer {i}"))]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                (_refused ??= new Exception?[Count])[i] = error;
            }
        }
    }

    private BatchScores(RewardScorer scorer, ScoreOptions options, int count) =>
        (_scorer, _options, _inputs, Count) = (scorer, options, new List<EncodedInput>(count), count);

    /// <summary>Number of inputs.</summary>
    public int Count { get; }

    /// <summary>Scores them; see <see cref="Running"/>.</summary>
    /// <exception cref="Errors.SparseRMException">The call as a whole fails: the queue is full, the deadline passed.</exception>
    public void Run(IProgress<WorkProgress>? progress, CancellationToken cancel) => Take(Running.Score(_scorer, _inputs, _options, Count, progress, cancel));

    /// <summary>As <see cref="Run"/> with a deadline, on the engine's thread.</summary>
    public async Task RunAsync(IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        Take(await Running.ScoreAsync(_scorer, _inputs, _options, Count, progress, cancel).ConfigureAwait(false));

    /// <summary>Why an input has no score; null where it has one.</summary>
    public Exception? Error(int number) => _refused?[number] ?? _results[number]?.Error;

    /// <summary>Marks a place as not scored: nothing of an earlier call stays in it.</summary>
    public static unsafe void Clear(ref NativeResult place)
    {
        (place.Status, place.Score, place.StandardDeviation, place.Novelty, place.Tokens) = ((int)Status.Internal, float.NaN, double.NaN, double.NaN, 0);
        if (place.Components is not null)
            for (long c = 0; c < place.ComponentCapacity; c++) place.Components[c] = float.NaN;
        if (place.Error is not null && place.ErrorCapacity > 0) *place.Error = 0;
    }

    /// <summary>Writes scores and errors into the caller's structs.</summary>
    public unsafe void WriteTo(Span<NativeResult> results)
    {
        for (int i = 0; i < results.Length; i++)
        {
            ref var place = ref results[i];
            var (error, result) = (Error(i), _results[i]);
            place.Status = (int)(error is null ? Status.Ok : Statuses.Of(error));
            place.Score = error is null ? result!.Score : float.NaN;
            place.StandardDeviation = result?.StandardDeviation ?? double.NaN;
            place.Novelty = result?.Novelty ?? double.NaN;
            place.Tokens = result?.Tokens ?? 0;
            if (place.Components is not null)
                for (int c = 0; c < result?.Components.Count && c < place.ComponentCapacity; c++) place.Components[c] = result.Components[c].Score;
            if (place.Error is not null && place.ErrorCapacity > 0)
                WriteSentence(error is null ? "" : Statuses.Sentence(error), new Span<byte>(place.Error, (int)Math.Min(place.ErrorCapacity, int.MaxValue)));
        }
    }

    private void Take(IReadOnlyList<ScoreResult> results)
    {
        if (_refused is null)
        {
            _results = results;
            return;
        }
        var all = new ScoreResult?[Count];
        for (int i = 0, next = 0; i < all.Length; i++)
            if (_refused[i] is null) all[i] = results[next++];
        _results = all;
    }

    private static bool IsOfOneInput(Exception error) => error is not (OutOfMemoryException or ObjectDisposedException);

    /// <summary>As much of a sentence as the buffer holds, never half a letter, ended by 0.</summary>
    private static void WriteSentence(string sentence, Span<byte> buffer)
    {
        Encoding.UTF8.GetEncoder().Convert(sentence, buffer[..^1], flush: true, out _, out int written, out _);
        buffer[written] = 0;
    }
}
