using System.Text;
using SparseRM.Engine;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.CApi;

/// <summary>The scores of a call with many inputs. An input that cannot be scored has an error; the others are scored nonetheless.</summary>
internal sealed class BatchScores
{
    private readonly RewardScorer _scorer;
    private readonly Exception?[] _errors;
    private readonly float[] _scores;
    private readonly List<TokenSequence> _sequences = [];
    private readonly List<int> _numbers = [];

    /// <summary>Reads inputs; nothing of the caller's is needed afterwards.</summary>
    public BatchScores(RewardScorer scorer, ReadOnlySpan<NativeInput> inputs) : this(scorer, inputs.Length)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            try
            {
                Add(i, Inputs.Encode(scorer.Backbone.Encoder, inputs[i]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                _errors[i] = error;
            }
        }
    }

    /// <summary>Reads one prompt with its answers.</summary>
    public BatchScores(RewardScorer scorer, IReadOnlyList<Message> prompt, ReadOnlySpan<NativeText> answers) : this(scorer, answers.Length)
    {
        for (int i = 0; i < answers.Length; i++)
        {
            try
            {
                Add(i, scorer.Backbone.Encoder.Encode([.. prompt, new Message("assistant", Reading.Text(answers[i], $"answer {i}"))]));
            }
            catch (Exception error) when (IsOfOneInput(error))
            {
                _errors[i] = error;
            }
        }
    }

    private BatchScores(RewardScorer scorer, int count)
    {
        (_scorer, _errors, _scores) = (scorer, new Exception?[count], new float[count]);
        Array.Fill(_scores, float.NaN);
    }

    /// <summary>Scores them.</summary>
    /// <exception cref="Errors.SparseRMException">The call as a whole fails: the queue is full, the deadline passed.</exception>
    public void Run(Priority priority, TimeSpan? deadline, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var request = _scorer.Request(_sequences, priority);
        if (deadline is null) _scorer.Backbone.Engine.Run(request, Reporter(progress), cancel);
        else _scorer.Backbone.Engine.RunAsync(request, deadline, cancel).GetAwaiter().GetResult();
        Take(request);
    }

    /// <summary>As <see cref="Run"/>, on the engine's thread.</summary>
    public async Task RunAsync(Priority priority, TimeSpan? deadline, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var request = _scorer.Request(_sequences, priority);
        await _scorer.Backbone.Engine.RunAsync(request, deadline, cancel).ConfigureAwait(false);
        Take(request);
        progress?.Report(new WorkProgress("scoring", _scores.Length, _scores.Length));
    }

    /// <summary>Writes scores and errors into the caller's structs.</summary>
    public unsafe void WriteTo(Span<NativeResult> results)
    {
        for (int i = 0; i < results.Length; i++)
        {
            var error = _errors[i];
            results[i].Status = (int)(error is null ? Status.Ok : Statuses.Of(error));
            results[i].Score = error is null ? _scores[i] : float.NaN;
            if (results[i].Error is null || results[i].ErrorCapacity <= 0) continue;
            WriteSentence(error is null ? "" : Statuses.Sentence(error), new Span<byte>(results[i].Error, (int)Math.Min(results[i].ErrorCapacity, int.MaxValue)));
        }
    }

    /// <summary>Number of inputs.</summary>
    public int Count => _scores.Length;

    /// <summary>Whether an input has an error.</summary>
    public bool Failed(int number) => _errors[number] is not null;

    private void Add(int number, EncodedInput input)
    {
        _sequences.Add(input.ReadAt(_scorer.Position));
        _numbers.Add(number);
    }

    private void Take(ScoreRequest request)
    {
        for (int i = 0; i < _numbers.Count; i++)
        {
            _scores[_numbers[i]] = request.Values[i];
            _errors[_numbers[i]] = request.Errors?[i];
        }
    }

    private IProgress<int>? Reporter(IProgress<WorkProgress>? progress) => progress is null ? null : new StageProgress(progress, "scoring", _sequences.Count);

    private static bool IsOfOneInput(Exception error) => error is not (OutOfMemoryException or ObjectDisposedException);

    /// <summary>As much of a sentence as the buffer holds, never half a letter, ended by 0.</summary>
    private static void WriteSentence(string sentence, Span<byte> buffer)
    {
        Encoding.UTF8.GetEncoder().Convert(sentence, buffer[..^1], flush: true, out _, out int written, out _);
        buffer[written] = 0;
    }
}
