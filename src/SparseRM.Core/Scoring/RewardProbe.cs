using System.Globalization;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Scoring;

/// <summary>One input of a probe and the scores that belong to it.</summary>
/// <param name="Sequence">Token ids and the positions to read out.</param>
/// <param name="Scores">[heads]: the score of each head of the component.</param>
public sealed record ProbeItem(TokenSequence Sequence, IReadOnlyList<float> Scores);

/// <summary>How scores that were computed now agree with those of the fit.</summary>
public enum ProbeAgreement
{
    /// <summary>The same bits, computed by the same arithmetic.</summary>
    SameBits,
    /// <summary>Computed by another arithmetic (backend, kernel variants, dtype, version), and within its bound.</summary>
    WithinBound,
    /// <summary>Computed by another arithmetic, and no bound is known: the head reads activations of a top-k SAE.</summary>
    NotComparable,
}

/// <summary>Known answers: a few short inputs of the training data with the scores that the fit's own model and kernels gave them.</summary>
/// <remarks>Opening a reward model scores one again, so that a wrong model, tokenizer, template or kernel is found there and not in what it trains.</remarks>
public sealed class RewardProbe
{
    /// <summary>Inputs at most.</summary>
    public const int MostItems = 8;

    /// <summary>Takes items as they are.</summary>
    /// <param name="arithmetic">All that decides bits beside model and input: version, dtype, backend, variant of each op.</param>
    /// <param name="items">1 to <see cref="MostItems"/>, each with the scores of as many heads.</param>
    /// <exception cref="ArgumentException">There are none or too many, one reads no position of its tokens, or a score is not finite.</exception>
    public RewardProbe(string arithmetic, IReadOnlyList<ProbeItem> items)
    {
        if (arithmetic.Length == 0 || items.Count is 0 or > MostItems) throw new ArgumentException($"a probe of {items.Count} inputs by arithmetic \"{arithmetic}\"");
        foreach (var (sequence, scores) in items)
        {
            var read = sequence.ReadOut;
            if (read.Start < 0 || read.End <= read.Start || read.End > sequence.Ids.Length || read.States != 1 || scores.Count != items[0].Scores.Count
                || scores.Count == 0 || !scores.All(float.IsFinite))
            {
                throw new ArgumentException($"a probe of {sequence.Ids.Length} tokens read from {read.Start} to {read.End} with {scores.Count} scores");
            }
        }
        (Arithmetic, Items) = (arithmetic, [.. items]);
    }

    /// <summary>All that decided bits beside model and input.</summary>
    public string Arithmetic { get; }

    /// <summary>The inputs with their scores, shortest first.</summary>
    public IReadOnlyList<ProbeItem> Items { get; }

    /// <summary>Scores of each item.</summary>
    public int HeadCount => Items[0].Scores.Count;

    /// <summary>The shortest of some sequences, up to <see cref="MostItems"/>, no two with the same tokens.</summary>
    public static IReadOnlyList<TokenSequence> Choose(IEnumerable<TokenSequence> sequences)
    {
        var chosen = new List<TokenSequence>();
        foreach (var sequence in sequences.OrderBy(sequence => sequence.Ids.Length))
        {
            if (chosen.Any(other => other.Ids.Span.SequenceEqual(sequence.Ids.Span))) continue;
            chosen.Add(sequence);
            if (chosen.Count == MostItems) break;
        }
        return chosen;
    }

    /// <summary>Scores the chosen sequences, the way that scoring does it, and keeps the answers.</summary>
    /// <param name="arithmetic">See <see cref="Arithmetic"/>.</param>
    /// <param name="sequences">From <see cref="Choose"/>.</param>
    /// <param name="score">The score of each head of the component, for each sequence.</param>
    public static RewardProbe Of(string arithmetic, IReadOnlyList<TokenSequence> sequences, Func<IReadOnlyList<TokenSequence>, float[][]> score)
    {
        float[][] scores = score(sequences);
        return new RewardProbe(arithmetic, [.. sequences.Zip(scores, (sequence, found) => new ProbeItem(sequence, found))]);
    }

    /// <summary>Compares scores that were computed now with those of the fit.</summary>
    /// <param name="path">The reward file, for the message.</param>
    /// <param name="component">Name of the component whose probe this is, for the message.</param>
    /// <param name="item">Which of <see cref="Items"/>.</param>
    /// <param name="found">[heads]: its scores now.</param>
    /// <param name="arithmetic">What computed them.</param>
    /// <param name="bound">How far a head's score may be off under another arithmetic, asked for only then; null where no bound is known.</param>
    /// <exception cref="SparseRMException">A score is not finite or too far off; names both scores.</exception>
    public ProbeAgreement Check(
        string path, string component, int item, ReadOnlySpan<float> found, string arithmetic, Func<int, double>? bound)
    {
        if (found.Length != HeadCount) throw new ArgumentException($"{found.Length} scores for {HeadCount} heads", nameof(found));
        bool same = arithmetic == Arithmetic;
        for (int head = 0; head < found.Length; head++)
        {
            float known = Items[item].Scores[head];
            double allowed = same ? 0 : bound?.Invoke(head) ?? double.PositiveInfinity;
            bool agrees = same ? BitConverter.SingleToInt32Bits(found[head]) == BitConverter.SingleToInt32Bits(known) : Math.Abs((double)found[head] - known) <= allowed;
            if (agrees && float.IsFinite(found[head])) continue;
            throw new SparseRMException(ErrorKind.Mismatch, string.Create(CultureInfo.InvariantCulture,
                $"{path}: known answer {item + 1} of component \"{component}\" scores {found[head]:R} with head {head + 1}, but scored {known:R} when it was fitted ")
                + (same ? "with the same kernels" : string.Create(CultureInfo.InvariantCulture, $"(other kernels may differ by {allowed:G3})"))
                + "; the model or the kernels compute something else: check both, or fit again.");
        }
        return same ? ProbeAgreement.SameBits : bound is null ? ProbeAgreement.NotComparable : ProbeAgreement.WithinBound;
    }
}
