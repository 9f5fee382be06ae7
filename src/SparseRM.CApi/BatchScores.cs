using System.Text;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.CApi;

/// <summary>The scores of a call with many inputs. An input that cannot be scored has an error; the others are scored nonetheless.</summary>
internal sealed class BatchScores
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);

    private readonly RewardScorer _scorer;
    private readonly ScoreOptions _options;
    private readonly Exception?[] _refused;
    private readonly ScoreResult?[] _results;
    private readonly List<EncodedInput> _inputs = [];
    private readonly List<int> _numbers = [];

    /// <summary>Reads inputs; nothing of the caller's is needed afterwards.</summary>
    public BatchScores(RewardScorer scorer, ScoreOptions options, ReadOnlySpan<NativeInput> inputs) : this(scorer, options, inputs.Length)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            try
            {
                Add(i, Inputs.Encode(scorer.Backbone.Encoder, inputs[i]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                _refused[i] = error;
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
                Add(i, scorer.Backbone.Encoder.Encode([.. prompt, new Message("assistant", Reading.Text(answers[i], $"answer {i}"))]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                _refused[i] = error;
            }
        }
    }

    private BatchScores(RewardScorer scorer, ScoreOptions options, int count) =>
        (_scorer, _options, _refused, _results) = (scorer, options, new Exception?[count], new ScoreResult?[count]);

    /// <summary>Number of inputs.</summary>
    public int Count => _results.Length;

    /// <summary>Scores them. With a deadline, progress hears on this thread that nothing is done until all is, so that it can cancel.</summary>
    /// <exception cref="Errors.SparseRMException">The call as a whole fails: the queue is full, the deadline passed.</exception>
    public void Run(IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (_options.Deadline is null)
        {
            Take(_scorer.ScoreAll(_inputs, _options, progress, cancel));
            return;
        }
        var work = _scorer.ScoreAllAsync(_inputs, _options, cancel);
        if (progress is not null)
        {
            do progress.Report(new WorkProgress("scoring", 0, Count));
            while (Task.WaitAny([work], s_step) < 0);
        }
        Take(work.GetAwaiter().GetResult());
        progress?.Report(new WorkProgress("scoring", Count, Count));
    }

    /// <summary>As <see cref="Run"/> with a deadline, on the engine's thread.</summary>
    public async Task RunAsync(IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var work = _scorer.ScoreAllAsync(_inputs, _options, cancel);
        while (progress is not null && await Task.WhenAny(work, Task.Delay(s_step, CancellationToken.None)).ConfigureAwait(false) != work)
            progress.Report(new WorkProgress("scoring", 0, Count));
        Take(await work.ConfigureAwait(false));
        progress?.Report(new WorkProgress("scoring", Count, Count));
    }

    /// <summary>Why an input has no score; null where it has one.</summary>
    public Exception? Error(int number) => _refused[number] ?? _results[number]?.Error;

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

    private void Add(int number, EncodedInput input)
    {
        _inputs.Add(input);
        _numbers.Add(number);
    }

    private void Take(IReadOnlyList<ScoreResult> results)
    {
        for (int i = 0; i < results.Count; i++) _results[_numbers[i]] = results[i];
    }

    private static bool IsOfOneInput(Exception error) => error is not (OutOfMemoryException or ObjectDisposedException);

    /// <summary>As much of a sentence as the buffer holds, never half a letter, ended by 0.</summary>
    private static void WriteSentence(string sentence, Span<byte> buffer)
    {
        Encoding.UTF8.GetEncoder().Convert(sentence, buffer[..^1], flush: true, out _, out int written, out _);
        buffer[written] = 0;
    }
}
