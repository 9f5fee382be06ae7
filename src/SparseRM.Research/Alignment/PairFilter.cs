using System.Runtime.ExceptionServices;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Research.Alignment;

/// <summary>Which pairs are kept.</summary>
public sealed record FilterOptions
{
    /// <summary>Least lead of the chosen answer's score over the rejected one's; at 0 a pair is dropped where s_w &lt; s_l, as in arXiv 2511.07896.</summary>
    public double MinMargin { get; init; }

    /// <summary>Largest lead; null for any.</summary>
    public double? MaxMargin { get; init; }

    /// <summary>Largest standard deviation over the heads that either score may have; null for any.</summary>
    public double? MaxDoubt { get; init; }

    /// <summary>Largest novelty that either answer may have, in 0..1; null for any.</summary>
    public double? MaxNovelty { get; init; }

    /// <summary>Whether an answer that cannot be scored drops its pairs, where it otherwise ends the run.</summary>
    public bool SkipBad { get; init; }
}

/// <summary>What became of the pairs; one that has several faults counts under the first of them, in this order.</summary>
/// <param name="Pairs">Pairs that were scored.</param>
/// <param name="Kept">Pairs that were written.</param>
/// <param name="Reversed">s_w &lt; s_l.</param>
/// <param name="Thin">A lead below the least.</param>
/// <param name="Wide">A lead above the largest.</param>
/// <param name="Doubtful">Heads that differ too much.</param>
/// <param name="Novel">Too unlike the training data.</param>
/// <param name="Ties">Pairs of equal scores among those kept.</param>
/// <param name="Bad">Rows that have no score.</param>
/// <param name="FirstBad">What is wrong with the first of them, or null.</param>
/// <param name="MeanMargin">Mean lead of the pairs that were kept.</param>
public sealed record FilterCounts(
    long Pairs, long Kept, long Reversed, long Thin, long Wide, long Doubtful, long Novel, long Ties, long Bad, string? FirstBad, double MeanMargin);

/// <summary>Keeps the preference pairs with which a reward model agrees.</summary>
/// <param name="scorer">The reward model.</param>
/// <param name="options">Which pairs are kept.</param>
public sealed class PairFilter(RewardScorer scorer, FilterOptions options)
{
    // Enough for full batches and shared beginnings.
    private const int WindowTokens = 1 << 15;
    private long _pairs, _kept, _reversed, _thin, _wide, _doubtful, _novel, _ties, _bad;
    private string? _firstBad;
    private double _sum;
    private (float First, bool Differ, long Count) _seen;

    /// <summary>Writes a row of TRL's explicit conversational preference format for each pair that is kept, in the order of the data.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="items">The pairs, read as they are asked for: memory holds some thousand tokens of them at a time.</param>
    /// <param name="output">Receives the rows.</param>
    /// <param name="progress">Told of the items done.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <exception cref="DataFormatException">An answer cannot be scored and bad ones are not skipped; all scores are equal; or no pair is kept.</exception>
    public FilterCounts Write(string path, IEnumerable<PreferenceItem> items, Stream output, IProgress<long>? progress = null, CancellationToken cancel = default)
    {
        var window = new List<(PreferenceItem Item, EncodedInput[] Inputs)>();
        long tokens = 0, done = 0;
        foreach (var item in items)
        {
            cancel.ThrowIfCancellationRequested();
            if (Attempt(path, item, () => Encode(item, cancel)) is not { } inputs) continue;
            window.Add((item, inputs));
            if ((tokens += inputs.Sum(input => (long)input.Ids.Length)) < WindowTokens) continue;
            Flush(path, window, output, cancel);
            progress?.Report(done += window.Count);
            window.Clear();
            tokens = 0;
        }
        Flush(path, window, output, cancel);
        if (_pairs == 0) throw new DataFormatException(path, 0, $"none of its {_bad} rows can be scored; the first says: {_firstBad}");
        if (_seen is { Count: > 1, Differ: false }) throw new DataFormatException(path, 0, ScoreField.AllEqual(_seen.Count, _seen.First));
        if (_kept == 0)
            throw new DataFormatException(path, 0, $"no pair is left of {_pairs}: {_reversed} have s_w < s_l, {_thin} too small a margin, {_wide} too large a one, {_doubtful} too much doubt, {_novel} too much novelty");
        return new FilterCounts(_pairs, _kept, _reversed, _thin, _wide, _doubtful, _novel, _ties, _bad, _firstBad, _sum / _kept);
    }

    private EncodedInput[] Encode(PreferenceItem item, CancellationToken cancel) => [.. item.Chosen.Concat(item.Rejected).Select(answer =>
    {
        var input = scorer.Backbone.Encoder.Encode([.. item.Prompt, .. answer], item.Arguments, cancel);
        _ = input.ReadAt(scorer.Position);
        return input;
    })];

    private void Flush(string path, List<(PreferenceItem Item, EncodedInput[] Inputs)> window, Stream output, CancellationToken cancel)
    {
        var asked = new ScoreOptions { Priority = Priority.Bulk, Doubt = options.MaxDoubt is not null, Novelty = options.MaxNovelty is not null };
        var results = scorer.ScoreAll([.. window.SelectMany(one => one.Inputs)], asked, null, cancel);
        int next = 0;
        foreach (var (item, inputs) in window)
        {
            ScoreResult[] own = [.. Enumerable.Range(next, inputs.Length).Select(i => results[i])];
            next += inputs.Length;
            if (own.FirstOrDefault(result => result.Error is not null)?.Error is { } error)
            {
                // A device that fails, or a model that was closed, is no row's fault.
                if (SparseRMException.KindOf(error) is not (ErrorKind.Data or ErrorKind.Numeric or ErrorKind.Model or ErrorKind.Mismatch)) ExceptionDispatchInfo.Throw(error);
                Attempt<ScoreResult>(path, item, () => throw error);
                continue;
            }
            foreach (var result in own)
                _seen = (_seen.Count == 0 ? result.Score : _seen.First, _seen.Differ || (_seen.Count > 0 && result.Score != _seen.First), _seen.Count + 1);
            for (int i = 0; i < item.Chosen.Count; i++)
                for (int j = 0; j < item.Rejected.Count; j++) Take(item, (i, own[i]), (j, own[item.Chosen.Count + j]), output);
        }
    }

    private void Take(PreferenceItem item, (int At, ScoreResult Result) chosen, (int At, ScoreResult Result) rejected, Stream output)
    {
        ScoreResult a = chosen.Result, b = rejected.Result;
        double margin = (double)a.Score - b.Score;
        _pairs++;
        if (margin < 0) _reversed++;
        else if (margin < options.MinMargin) _thin++;
        else if (margin > options.MaxMargin) _wide++;
        else if (Math.Max(a.StandardDeviation ?? 0, b.StandardDeviation ?? 0) > options.MaxDoubt) _doubtful++;
        else if (Math.Max(a.Novelty ?? 0, b.Novelty ?? 0) > options.MaxNovelty) _novel++;
        else
        {
            (_kept, _sum, _ties) = (_kept + 1, _sum + margin, _ties + (margin == 0 ? 1 : 0));
            TrlRow.WritePair(output, (item.Prompt, item.Arguments, item.Id, item.Subset), new(item.Chosen[chosen.At], a.Score), new(item.Rejected[rejected.At], b.Score));
        }
    }

    private T? Attempt<T>(string path, PreferenceItem item, Func<T> work) where T : class
    {
        try
        {
            return work();
        }
        catch (SparseRMException error)
        {
            var bad = error as DataFormatException ?? new DataFormatException(path, item.Line, error.Message);
            if (!options.SkipBad) throw bad;
            (_bad, _firstBad) = (_bad + 1, _firstBad ?? bad.Message);
            return null;
        }
    }
}
